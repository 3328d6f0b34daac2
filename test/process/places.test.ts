// Two sides in different places of one machine: namespaces, users, clocks, and pids that come again.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { compileJumpingClock } from '../support/jumping-clock.js'
import { type Launcher, launcherOf, type Skip, shellLauncher, wordsOf } from '../support/launcher.js'
import type { Outcome } from '../support/outcome.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NOBODY = 65_534
const KINDS = ['mnt', 'pid', 'ipc', 'user', 'net', 'uts'] as const
const CONTAINER = ['--user', '--map-root-user', '--mount', '--pid', '--ipc', '--net', '--uts'] as const

interface SideOutcome extends Outcome {
  readonly listening?: boolean
  readonly pid: number
  readonly peer?: { readonly pid?: number; readonly uid: number; readonly verified: boolean }
  readonly namespaces: Readonly<Record<string, string>>
}

beforeAll(() => ensureBuilt())

let directory = ''
let address = ''
beforeEach(() => {
  directory = temporaryDirectory()
  address = `unix:${join(directory, 's')}`
})

/** As a container has it: nothing is shared but files. Its /proc and /dev/shm are its own. */
function containerLauncher(files = 'true'): Launcher {
  const mounts = `mount -t proc proc /proc && mount -t tmpfs tmpfs /dev/shm && ${files}`
  return shellLauncher(mounts, 'unshare', ...CONTAINER, '--fork', '--kill-child')
}

function startSide(role: 'server' | 'client', options: object, launcher: readonly string[] = []): Child {
  return new Child('channel-side', { args: [role, address, JSON.stringify(options)], launcher })
}

describe('two containers that share the directory of the socket and no namespace', () => {
  async function connectContainers(skip: Skip, files?: string): Promise<{ server: Child; client: Child }> {
    const server = startSide('server', {}, wordsOf(containerLauncher(), skip))
    const listening = await server.next<SideOutcome>()
    expect(listening).toMatchObject({ listening: true })
    const client = startSide('client', { stays: true }, wordsOf(containerLauncher(files), skip))
    const outcome = await client.next<SideOutcome>()
    expect(outcome).toMatchObject({ transport: 'shm', whole: true, peer: { uid: 0, verified: true } })
    const seen = await server.next<SideOutcome>()
    // The client's pid has no meaning in the server's namespace: better none than one of somebody else.
    expect(seen).toMatchObject({ transport: 'shm', peer: { uid: 0, verified: true } })
    expect(seen.peer?.pid).toBeUndefined()
    for (const kind of KINDS) expect(listening.namespaces[kind]).not.toBe(outcome.namespaces[kind])
    return { server, client }
  }

  it('share memory, and the server sees the death of the client', async ({ skip }) => {
    const { server, client } = await connectContainers(skip)
    await client.kill()
    expect(await server.next()).toEqual({ closed: ErrorCode.PEER_GONE })
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })

  it('share memory, and the client sees the death of the server', async ({ skip }) => {
    const { server, client } = await connectContainers(skip)
    await server.kill()
    expect(await client.next()).toEqual({ closed: ErrorCode.PEER_GONE })
    expect(await client.ended).toEqual({ code: 0, signal: null })
  })

  it('share memory where the client has the directory read-only', async ({ skip }) => {
    const readOnly = `mount --bind ${directory} ${directory} && mount -o remount,ro,bind ${directory}`
    const { server, client } = await connectContainers(skip, readOnly)
    await client.kill()
    expect(await server.next()).toEqual({ closed: ErrorCode.PEER_GONE })
  })
})

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('skipped: run the tests as root: only root can become another user')

describe.skipIf(!isRoot)('two users', () => {
  /** A server of root's whose files are open to all, and a client of nobody's. */
  async function connectUsers(server: object, client: object): Promise<{ client: SideOutcome; seen: Child }> {
    chmodSync(directory, 0o755)
    const folder = join(directory, 'open')
    mkdirSync(folder)
    chmodSync(folder, 0o755)
    address = `unix:${join(folder, 's')}`
    const serverChild = startSide('server', server)
    expect(await serverChild.next()).toMatchObject({ listening: true })
    for (const file of ['s', 's.fd']) chmodSync(join(folder, file), 0o666)
    const outcome = await startSide('client', { uid: NOBODY, ...client }).next<SideOutcome>()
    return { client: outcome, seen: serverChild }
  }

  it('share memory when each side allows the other, and each knows who the other is', async () => {
    const { client, seen } = await connectUsers({ allowAll: true }, { allowAll: true })
    expect(client).toMatchObject({ transport: 'shm', whole: true, peer: { uid: 0, verified: true } })
    expect(await seen.next()).toMatchObject({
      transport: 'shm',
      peer: { pid: client.pid, uid: NOBODY, gid: NOBODY, verified: true },
    })
    expect(await seen.next()).toEqual({ closed: 'in order' })
  })

  it.each([
    ['neither side allows', {}, {}, /^the peer refused/],
    ['only the client allows', {}, { allowAll: true }, /^the peer refused/],
    ['only the server allows', { allowAll: true }, {}, /is not of user/],
  ] as const)('are DENIED when %s', async (_who, server, client, message) => {
    const { client: outcome } = await connectUsers(server, client)
    expect(outcome.code).toBe(ErrorCode.DENIED)
    expect(outcome.message).toMatch(message)
  })
})

/** A client that blocks, in calls that are answered and one that is not, and closes in order. */
async function expectBlockingTalk(server: Child, launcher: readonly string[]): Promise<void> {
  const client = new Child('blocking', { args: ['echoes', address, 'shm'], launcher })
  expect(await client.next()).toBe('connected')
  expect(await server.next()).toMatchObject({ transport: 'shm' })
  expect(await client.next()).toEqual({ right: true, none: { code: ErrorCode.TIMEOUT } })
  expect(await server.next()).toEqual({ closed: 'in order' })
  expect(await client.ended).toEqual({ code: 0, signal: null })
}

describe('clocks', () => {
  let jumping: Launcher
  beforeAll(() => {
    jumping = compileJumpingClock()
  })

  it('of the wall that are set back and forth by years, without end, make no difference', async ({
    skip,
  }) => {
    const launcher = wordsOf(jumping, skip)
    // Many looks, because one of another thread may come between two.
    const look = 'const seen = [...Array(100)].map(() => Date.now()); Math.max(...seen) - Math.min(...seen)'
    const [command, ...words] = [...launcher, process.execPath, '-p', look]
    // They are.
    const YEAR_MS = 365 * 24 * 3_600_000
    expect(Number(spawnSync(command, words, { encoding: 'utf8' }).stdout)).toBeGreaterThan(YEAR_MS)

    const server = startSide('server', {}, launcher)
    expect(await server.next()).toMatchObject({ listening: true })
    await expectBlockingTalk(server, launcher)

    const another = startSide('server', {}, launcher)
    expect(await another.next()).toMatchObject({ listening: true })
    const asking = startSide('client', {}, launcher)
    expect(await asking.next()).toMatchObject({ transport: 'shm', whole: true })
    expect(await asking.next()).toEqual({ closed: 'in order' })
  })

  it('that differ by years between the two sides, to either side, make no difference', async ({ skip }) => {
    // Of the monotonic clock; no wait looks at any other (scripts/check-tree.mjs).
    const at = (seconds: number): Launcher =>
      launcherOf(
        'unshare',
        '--user',
        '--map-root-user',
        '--time',
        '--fork',
        '--kill-child',
        `--monotonic=${seconds}`,
      )
    const upSeconds = Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]))
    const YEARS_SECONDS = 100_000_000
    for (const [here, there] of [
      [1 - upSeconds, YEARS_SECONDS],
      [YEARS_SECONDS, 1 - upSeconds],
    ] as const) {
      const server = startSide('server', {}, wordsOf(at(here), skip))
      const listening = await server.next<SideOutcome>()
      await expectBlockingTalk(server, wordsOf(at(there), skip))
      expect(listening.namespaces['time']).not.toBe(readlinkSync('/proc/self/ns/time'))
    }
  })
})

describe('a pid that comes again', () => {
  it('is another peer: the dead one is gone although a process of its number lives', async ({ skip }) => {
    const launcher = wordsOf(
      shellLauncher(
        'mount -t proc proc /proc && test -w /proc/sys/kernel/ns_last_pid',
        'unshare',
        '--user',
        '--map-root-user',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
      ),
      skip,
    )
    const child = new Child('same-pid', { args: [address], launcher })
    const outcome = await child.next<{ pid: number; ended: unknown; peer: unknown; open: number }>()
    expect(outcome.ended).toEqual([{ pid: outcome.pid, code: ErrorCode.PEER_GONE }])
    expect(outcome.peer).toMatchObject({ pid: outcome.pid, verified: true })
    expect(outcome.open).toBe(1)
    expect(await child.ended).toEqual({ code: 0, signal: null })
    expect(child.stderr).toBe('')
  })
})
