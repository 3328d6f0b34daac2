// Two sides in different environments of one machine: namespaces, users, clocks, and reused pids.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { compileJumpingClock } from '../support/jumping-clock.js'
import { type Launcher, launcherOf, type Skip, shellLauncher, wordsOf } from '../support/launcher.js'
import { otherUsersFault } from '../support/other-users.js'
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

/** Like a container: only files are shared. /proc and /dev/shm are private. */
function containerLauncher(files = 'true'): Launcher {
  const mounts = `mount -t proc proc /proc && mount -t tmpfs tmpfs /dev/shm && ${files}`
  return shellLauncher(mounts, 'unshare', ...CONTAINER, '--fork', '--kill-child')
}

function startSide(role: 'server' | 'client', options: object, launcher: readonly string[] = []): Child {
  return new Child('channel-side', { args: [role, address, JSON.stringify(options)], launcher })
}

describe('two containers that share the directory of the socket, but no namespace', () => {
  async function connectContainers(skip: Skip, files?: string): Promise<{ server: Child; client: Child }> {
    const server = startSide('server', {}, wordsOf(containerLauncher(), skip))
    const listening = await server.next<SideOutcome>()
    expect(listening).toMatchObject({ listening: true })
    const client = startSide('client', { stays: true }, wordsOf(containerLauncher(files), skip))
    const outcome = await client.next<SideOutcome>()
    expect(outcome).toMatchObject({ transport: 'shm', whole: true, peer: { uid: 0, verified: true } })
    const seen = await server.next<SideOutcome>()
    // The client's pid has no meaning in the server's namespace, and could name another process there.
    expect(seen).toMatchObject({ transport: 'shm', peer: { uid: 0, verified: true } })
    expect(seen.peer?.pid).toBeUndefined()
    for (const kind of KINDS) expect(listening.namespaces[kind]).not.toBe(outcome.namespaces[kind])
    return { server, client }
  }

  it('share memory; the server detects the death of the client', async ({ skip }) => {
    const { server, client } = await connectContainers(skip)
    await client.kill()
    expect(await server.next()).toEqual({ closed: ErrorCode.PEER_GONE })
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })

  it('share memory; the client detects the death of the server', async ({ skip }) => {
    const { server, client } = await connectContainers(skip)
    await server.kill()
    expect(await client.next()).toEqual({ closed: ErrorCode.PEER_GONE })
    expect(await client.ended).toEqual({ code: 0, signal: null })
  })

  it('share memory when the directory is read-only for the client', async ({ skip }) => {
    const readOnly = `mount --bind ${directory} ${directory} && mount -o remount,ro,bind ${directory}`
    const { server, client } = await connectContainers(skip, readOnly)
    await client.kill()
    expect(await server.next()).toEqual({ closed: ErrorCode.PEER_GONE })
  })
})

if (otherUsersFault !== undefined) console.log(`skipped: ${otherUsersFault}`)

describe.skipIf(otherUsersFault !== undefined)('two users', () => {
  /** A server of root with files that are open to all, and an unprivileged client. */
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

  it('share memory and know the user of the peer when each side allows the other', async () => {
    const { client, seen } = await connectUsers({ authorizeAll: true }, { authorizeAll: true })
    expect(client).toMatchObject({ transport: 'shm', whole: true, peer: { uid: 0, verified: true } })
    expect(await seen.next()).toMatchObject({
      transport: 'shm',
      peer: { pid: client.pid, uid: NOBODY, gid: NOBODY, verified: true },
    })
    expect(await seen.next()).toEqual({ closed: 'in order' })
  })

  it.each([
    ['neither side allows', {}, {}, /^the peer refused/],
    ['only the client authorizes', {}, { authorizeAll: true }, /^the peer refused/],
    ['only the server authorizes', { authorizeAll: true }, {}, /is not of user/],
  ] as const)('are refused with DENIED when %s', async (_who, server, client, message) => {
    const { client: outcome } = await connectUsers(server, client)
    expect(outcome.code).toBe(ErrorCode.DENIED)
    expect(outcome.message).toMatch(message)
  })
})

/** A client makes blocking calls, one of which times out, and closes in order. */
async function expectBlockingCalls(server: Child, launcher: readonly string[]): Promise<void> {
  const client = new Child('blocking', { args: ['echoes', address, 'shm'], launcher })
  expect(await client.next()).toBe('connected')
  expect(await server.next()).toMatchObject({ transport: 'shm' })
  expect(await client.next()).toEqual({ right: true, none: { code: ErrorCode.TIMEOUT } })
  expect(await server.next()).toEqual({ closed: 'in order' })
  expect(await client.ended).toEqual({ code: 0, signal: null })
}

describe('a channel', () => {
  let jumping: Launcher
  beforeAll(() => {
    jumping = compileJumpingClock()
  })

  it('ignores a wall clock that jumps back and forth by years', async ({ skip }) => {
    const launcher = wordsOf(jumping, skip)
    // Many reads, because another thread may read the clock between two of them.
    const script = 'const seen = [...Array(100)].map(() => Date.now()); Math.max(...seen) - Math.min(...seen)'
    const [command, ...words] = [...launcher, process.execPath, '-p', script]
    const YEAR_MS = 365 * 24 * 3_600_000
    expect(Number(spawnSync(command, words, { encoding: 'utf8' }).stdout)).toBeGreaterThan(YEAR_MS)

    const server = startSide('server', {}, launcher)
    expect(await server.next()).toMatchObject({ listening: true })
    await expectBlockingCalls(server, launcher)

    const another = startSide('server', {}, launcher)
    expect(await another.next()).toMatchObject({ listening: true })
    const asking = startSide('client', {}, launcher)
    expect(await asking.next()).toMatchObject({ transport: 'shm', whole: true })
    expect(await asking.next()).toEqual({ closed: 'in order' })
  })

  it('ignores monotonic clocks that differ by years between the two sides', async ({ skip }) => {
    // The monotonic clock; no wait reads another one (scripts/check-tree.mjs).
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
      await expectBlockingCalls(server, wordsOf(at(there), skip))
      expect(listening.namespaces['time']).not.toBe(readlinkSync('/proc/self/ns/time'))
    }
  })
})

describe('a reused pid', () => {
  it('does not hide the death of the first process that had it', async ({ skip }) => {
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
