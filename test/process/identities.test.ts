// The identity of the peer: effective and real ids, changed ids, and ids that a user namespace does not map.
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { launcherOf, type Skip, wordsOf } from '../support/launcher.js'
import { otherUsersFault } from '../support/other-users.js'
import type { Outcome } from '../support/outcome.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'

const USER = 1000
const GROUP = 12
const STRANGER = 1234
const OVERFLOW = 65_534

interface SideOutcome extends Outcome {
  readonly pid: number
  readonly peer?: { readonly uid?: number; readonly gid?: number; readonly verified: boolean }
}

const isRefused = otherUsersFault !== undefined
if (isRefused) console.log(`skipped: ${otherUsersFault}`)

beforeAll(() => ensureBuilt())

let directory = ''
let address = ''
beforeEach(() => {
  directory = temporaryDirectory()
  chmodSync(directory, 0o777)
  address = `unix:${join(directory, 's')}`
})

function startSide(role: 'server' | 'client', options: object, launcher: readonly string[] = []): Child {
  return new Child('channel-side', { args: [role, address, JSON.stringify(options)], launcher })
}

/** The report of each side about its peer, or its error. */
async function meet(
  server: object,
  client: object,
  launchers: { server?: readonly string[]; client?: readonly string[] } = {},
): Promise<{ client: SideOutcome; server: Child }> {
  const serverChild = startSide('server', server, launchers.server)
  expect(await serverChild.next()).toMatchObject({ listening: true })
  for (const file of ['s', 's.fd']) chmodSync(join(directory, file), 0o666)
  return {
    client: await startSide('client', client, launchers.client).next<SideOutcome>(),
    server: serverChild,
  }
}

describe.skipIf(isRefused)('processes whose effective ids differ from the real ones', () => {
  it.each<[string, object, object, number, number]>([
    ['the same effective user on both sides', { uid: USER }, { uid: USER }, USER, 0],
    ['an effective group of the client', {}, { gid: GROUP }, 0, GROUP],
    ['an effective group of the server', { gid: GROUP }, {}, 0, 0],
    ['user and group on both sides', { uid: USER, gid: GROUP }, { uid: USER, gid: GROUP }, USER, GROUP],
  ])('share memory: %s', async (_what, server, client, uid, gid) => {
    const { client: outcome, server: serverChild } = await meet({ effective: server }, { effective: client })
    expect(outcome).toMatchObject({ transport: 'shm', whole: true, peer: { uid, verified: true } })
    expect(await serverChild.next()).toMatchObject({
      transport: 'shm',
      peer: { pid: outcome.pid, uid, gid, verified: true },
    })
  })

  it('are refused by a process with another effective user', async () => {
    const { client } = await meet({}, { effective: { uid: USER } })
    expect(client).toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringMatching(/of user 1000 is not of user 0/) as string,
    })
  })

  it.each<[string, object]>([
    ['user', { uid: USER }],
    ['group', { gid: GROUP }],
  ])(
    'fall back to the socket with the reason when the client changes its %s during the handshake',
    async (_what, changes) => {
      const { client, server } = await meet({ authorizeAll: true }, { changes })
      const reason = expect.stringMatching(/has changed its user or group since it connected/) as string
      expect(client).toMatchObject({ transport: 'unix', whole: true, fallbackReason: reason })
      expect(await server.next()).toMatchObject({ transport: 'unix', fallbackReason: reason })
    },
  )

  it('share memory when the server changes its ids during the handshake', async () => {
    const { client } = await meet({ changes: { uid: USER, gid: GROUP } }, { authorizeAll: true })
    expect(client).toMatchObject({ transport: 'shm', whole: true, peer: { uid: 0, gid: 0 } })
  })
})

describe.skipIf(isRefused)('a user namespace in which the overflow user is mapped', () => {
  const inside = (skip: Skip): readonly string[] =>
    wordsOf(launcherOf('unshare', '--user', `--map-user=${OVERFLOW}`, `--map-group=${OVERFLOW}`), skip)
  const denied = {
    code: ErrorCode.DENIED,
    message: expect.stringMatching(/cannot be identified: .* does not map/) as string,
  }

  it('refuses another user from outside', async ({ skip }) => {
    const { client } = await meet({}, { authorizeAll: true, uid: STRANGER }, { server: inside(skip) })
    expect(client).toMatchObject(denied)
  })

  it('refuses its own user, whose id equals that of all users from outside', async ({ skip }) => {
    const { client } = await meet({}, { authorizeAll: true }, { server: inside(skip) })
    expect(client).toMatchObject(denied)
  })

  it('accepts a peer without a user if authorize accepts it', async ({ skip }) => {
    const { client, server } = await meet(
      { authorizeAll: true },
      { authorizeAll: true, uid: STRANGER },
      { server: inside(skip) },
    )
    expect(client).toMatchObject({ transport: 'shm', whole: true, peer: { uid: 0, verified: true } })
    const seen = await server.next<SideOutcome>()
    expect(seen).toMatchObject({ transport: 'shm', peer: { pid: client.pid, verified: false } })
    expect([seen.peer?.uid, seen.peer?.gid]).toEqual([undefined, undefined])
  })

  it('refuses a server from outside, in the client', async ({ skip }) => {
    const { client } = await meet({ authorizeAll: true, uid: STRANGER }, {}, { client: inside(skip) })
    expect(client).toMatchObject(denied)
  })

  it('refuses the directory of a user from outside, in the server', async ({ skip }) => {
    const run = join(ownRuntimeDirectory(), 'run')
    mkdirSync(run, { mode: 0o700 })
    chownSync(run, STRANGER, STRANGER)
    ownRuntimeDirectory(run)
    address = 'plain'
    for (const role of ['server', 'client'] as const)
      expect(await startSide(role, {}, inside(skip)).next()).toMatchObject({
        code: ErrorCode.DENIED,
        message: expect.stringMatching(/^the owner of the directory .* cannot be identified/) as string,
      })
  })
})

describe.skipIf(isRefused)('the overflow user in the initial namespace', () => {
  it('is accepted like any other user', async ({ skip }) => {
    const map = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/)
    if (map[2] !== '4294967295') skip('these tests run in a user namespace that does not map every user')
    const run = join(temporaryDirectory(), 'run')
    mkdirSync(run, { mode: 0o700 })
    chmodSync(join(run, '..'), 0o755)
    chownSync(run, OVERFLOW, OVERFLOW)
    ownRuntimeDirectory(run)
    address = 'plain'
    const server = startSide('server', { uid: OVERFLOW })
    expect(await server.next()).toMatchObject({ listening: true })
    const client = await startSide('client', { uid: OVERFLOW }).next<SideOutcome>()
    expect(client).toMatchObject({ transport: 'shm', whole: true, peer: { uid: OVERFLOW, verified: true } })
  })
})
