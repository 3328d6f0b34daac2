// Suspended processes, as on a sleeping machine or in a paused container. None is dead, however long it takes.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ControlGroup } from '../support/control-group.js'
import type { Skip } from '../support/launcher.js'
import { expectWorkingOrExplained, type Outcome } from '../support/outcome.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** Longer than the bounds of both handshakes (5 and 10 s), the longest timeouts of the library. */
const PAUSE_MS = 11_000
/** A requester takes this gap for the suspension: no other gap is nearly as long. */
const LONG_MS = 10_000
/** Time for the processes to become busy. */
const MOMENT_MS = 300

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

/** How processes are suspended. */
interface Suspension {
  suspend(pids: readonly number[]): Promise<void>
  resume(): void
  /** After the end of the processes. */
  end(): void
}

function bySignal(): Suspension {
  const stopped: number[] = []
  return {
    suspend: (pids) => {
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      stopped.push(...pids)
      return Promise.resolve()
    },
    resume: () => {
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
    },
    end: () => {},
  }
}

function byFreezer(skip: Skip): Suspension {
  const group = ControlGroup.create('cgroup.freeze')
  if (typeof group === 'string') return skip(group)
  return {
    suspend: (pids) => {
      for (const pid of pids) group.add(pid)
      return group.freeze()
    },
    resume: () => group.thaw(),
    end: () => group.remove(),
  }
}

interface Pair {
  readonly server: Child
  readonly client: Child
}

/** A server, and a client that sends requests without end; resolves after its first reply. */
async function startPair(how: string): Promise<Pair> {
  const address = `unix:${join(directory, how)}`
  const server = new Child('channel-side', { args: ['server', address] })
  expect(await server.next()).toMatchObject({ listening: true })
  const client = new Child('requester', { args: [how, address, LONG_MS] })
  expect(await client.next()).toBe('answered')
  expect(await server.next()).toMatchObject({ transport: 'shm' })
  return { server, client }
}

/** A client that has begun to connect to a stopped server. */
async function startHandshake(): Promise<Pair> {
  const address = `unix:${join(directory, 'handshake')}`
  const server = new Child('echo-server', { args: [address, 'auto'], ipc: true })
  expect(await server.next()).toBe('listening')
  server.process.kill('SIGSTOP')
  const client = new Child('channel-side', { args: ['client', address] })
  await sleep(MOMENT_MS)
  return { server, client }
}

const pidsOf = (pairs: readonly Pair[]): number[] =>
  pairs.flatMap(({ server, client }) => [server.process.pid as number, client.process.pid as number])

async function expectOnward({ server, client }: Pair): Promise<void> {
  expect(await client.next()).toEqual({ wrong: 0, transport: 'shm' })
  expect(await server.next()).toEqual({ closed: 'in order' })
  expect(await client.ended).toEqual({ code: 0, signal: null })
  expect(await server.ended).toEqual({ code: 0, signal: null })
}

/** The handshake's timers continue: it fails in order, or had time left. The server still serves. */
async function expectServing({ client }: Pair): Promise<void> {
  const outcome = await client.next<Outcome>()
  expectWorkingOrExplained(outcome)
  if (outcome.code !== undefined) expect([ErrorCode.TIMEOUT, ErrorCode.PEER_GONE]).toContain(outcome.code)
  expect(await client.ended).toEqual({ code: 0, signal: null })
  const another = new Child('channel-side', { args: ['client', `unix:${join(directory, 'handshake')}`] })
  expect(await another.next()).toMatchObject({ transport: 'shm', whole: true })
}

describe.each([
  ['signals', bySignal],
  ['the freezer of control groups', byFreezer],
] as const)('suspended by %s for longer than every bound,', (_name, makeSuspension) => {
  it('continues on both sides: asleep, busy, blocked, and during a handshake', async ({ skip }) => {
    const suspension = makeSuspension(skip)
    const pairs: Pair[] = []
    try {
      for (const how of ['asleep', 'busy', 'blocked']) pairs.push(await startPair(how))
      const handshake = await startHandshake()
      await suspension.suspend(pidsOf([...pairs, handshake]))
      await sleep(PAUSE_MS)
      suspension.resume()
      handshake.server.process.kill('SIGCONT')
      for (const pair of pairs) await expectOnward(pair)
      pairs.push(handshake)
      await expectServing(handshake)
    } finally {
      await Promise.all(pairs.flatMap(({ server, client }) => [server.kill(), client.kill()]))
      suspension.end()
    }
  })
})
