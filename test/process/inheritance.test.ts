import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { settled } from '../support/turns.js'

/** fcntl(2), of the flags that /proc/<pid>/fdinfo shows. */
const O_CLOEXEC = 0o2000000

beforeAll(() => ensureBuilt())

const sleepers: ChildProcess[] = []
afterEach(() => {
  for (const sleeper of sleepers.splice(0)) sleeper.kill('SIGKILL')
})

beforeEach(() => void ownRuntimeDirectory())

function ownDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
}

/** The open descriptors of a program that this process starts. It opens some while it loads its libraries, and closes them. */
async function inherited(): Promise<string> {
  const sleeper = spawn('sleep', ['60'], { stdio: 'inherit' })
  sleepers.push(sleeper)
  const folder = `/proc/${sleeper.pid}/fd`
  return settled(() =>
    readdirSync(folder)
      .map((name) => `${name}: ${targetOf(`${folder}/${name}`)}`)
      .join(' '),
  )
}

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(descriptor)
  } catch {
    return 'closed meanwhile'
  }
}

function isClosedByExec(descriptor: string): boolean {
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')
  return (Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? '', 8) & O_CLOEXEC) !== 0
}

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  it('passes no descriptor of an open channel to a started program', async () => {
    const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 } as const
    const peer = new Child('busy-server', { args: ['peer', transport], ipc: true })
    expect(await peer.next()).toBe('listening')
    const before = { inherited: await inherited(), own: ownDescriptors() }
    const server = await listen('own', options)
    const channels = await Promise.all(['peer', 'own', 'own'].map((name) => connect(name, options)))
    await channels[0]?.request(Buffer.from('in use'))
    const added = ownDescriptors().filter((name) => !before.own.includes(name))
    // The descriptor that reads the folder is closed once the list is complete.
    const ours = added.filter((name) => existsSync(`/proc/self/fd/${name}`))
    expect(ours.length).toBeGreaterThan(0)
    expect(ours.filter((name) => !isClosedByExec(name))).toEqual([])
    expect(await inherited()).toBe(before.inherited)
    for (const channel of channels) channel.destroy()
    await server.close()
  })

  it('connects the workers of a cluster directly and frees the name of a killed one', async () => {
    const primary = new Child('cluster', { args: [transport], ipc: true })
    const outcome = await primary.next<{
      pids: number[]
      peers: { pid: number; transport: string; right: boolean }[]
    }>()
    expect(outcome.pids).toHaveLength(3)
    for (const { pid, transport: over, right } of outcome.peers) {
      // The pid of the sibling, and not of the primary, which would listen for all workers.
      expect(outcome.pids).toContain(pid)
      expect(over).toBe(transport === 'shm' ? 'shm' : 'unix')
      expect(right).toBe(true)
    }
    expect(outcome.peers).toHaveLength(6)
    expect(await primary.next()).toEqual({
      killed: ['ERR_SHMWIRE_PEER_GONE', 'ERR_SHMWIRE_PEER_GONE'],
      reused: true,
    })
    expect(await primary.ended).toEqual({ code: 0, signal: null })
  })
})
