// One side in a sandbox: the kernel refuses one system call to it. The other side has no limits.
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ChannelOptions, ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { type Launcher, type Skip, wordsOf } from '../support/launcher.js'
import { expectWorkingOrExplained, type Outcome } from '../support/outcome.js'
import { resourcesOf } from '../support/process-resources.js'
import { compileRefusals, type Refusal } from '../support/refusal.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

type Role = 'client' | 'server'

let launcherFor: (refusal: Refusal) => Launcher
beforeAll(() => {
  ensureBuilt()
  launcherFor = compileRefusals()
})

let address = ''
beforeEach(() => {
  address = `unix:${join(temporaryDirectory(), 's')}`
})

interface Outcomes {
  readonly client: Outcome
  /** The report of the server; undefined without a channel. */
  readonly server: Outcome | undefined
}

/** Runs a client and a server, one of them with the refusal, until both end. */
async function exchange(
  refusal: Refusal,
  role: Role,
  skip: Skip,
  options: ChannelOptions = {},
): Promise<Outcomes> {
  const refused = { launcher: wordsOf(launcherFor(refusal), skip) }
  const args = (of: Role): string[] => [of, address, JSON.stringify(options)]
  const server = new Child('channel-side', { args: args('server'), ...(role === 'server' ? refused : {}) })
  const listening = await server.next<Outcome>()
  if (listening.code !== undefined) return { client: listening, server: undefined }
  const client = new Child('channel-side', { args: args('client'), ...(role === 'client' ? refused : {}) })
  const outcome = await client.next<Outcome>()
  expectWorkingOrExplained(outcome)
  expect(await client.ended).toEqual({ code: 0, signal: null })
  expect(client.stderr).toBe('')
  if (outcome.code !== undefined) {
    const serverPid = server.process.pid as number
    await eventually(() => resourcesOf(serverPid).segmentMappings === 0)
    return { client: outcome, server: undefined }
  }
  const seen = await server.next<Outcome>()
  expect(await server.next()).toEqual({ closed: 'in order' })
  expect(await server.ended).toEqual({ code: 0, signal: null })
  expect(server.stderr).toBe('')
  return { client: outcome, server: seen }
}

/** Calls that shared memory needs, with the text that names each in a fallback. */
const NEEDED: readonly [call: string, role: Role, named: RegExp][] = [
  ['memfd_create', 'client', /memfd_create/],
  ['memfd_create', 'server', /memfd_create/],
  ['fallocate', 'client', /fallocate/],
  ['fallocate', 'server', /fallocate/],
  ['F_ADD_SEALS', 'client', /F_ADD_SEALS/],
  ['F_ADD_SEALS', 'server', /F_ADD_SEALS/],
  ['statx', 'client', /statx/],
  ['statx', 'server', /statx/],
  ['socketpair', 'client', /socketpair/],
  ['socketpair', 'server', /socketpair/],
  ['sendmsg', 'client', /handover socket/],
  ['sendmsg', 'server', /cannot send the descriptors/],
  ['recvmsg', 'client', /doorbell/],
  ['recvmsg', 'server', /handover socket/],
  ['SO_PASSCRED', 'server', /handover socket/],
]

describe.each(['EPERM', 'ENOSYS'] as const)('a call refused with %s', (error) => {
  // The C library replaces a statx that the kernel lacks.
  const needed = NEEDED.filter(([call]) => call !== 'statx' || error !== 'ENOSYS')
  describe.each(needed)('%s, in the %s', (call, role, named) => {
    it('falls back to the socket with the reason on both sides', async ({ skip }) => {
      const { client, server } = await exchange([call, error], role, skip)
      expect(client).toMatchObject({ transport: 'unix', whole: true })
      expect(client.fallbackReason).toMatch(named)
      expect(server).toMatchObject({ transport: 'unix' })
      expect(server?.fallbackReason).toMatch(named)
    })

    it("fails with a code if transport 'shm' was requested", async ({ skip }) => {
      const { client } = await exchange([call, error], role, skip, { transport: 'shm' })
      expect(client.code).toMatch(/^ERR_SHMWIRE_(UNAVAILABLE|OUT_OF_MEMORY|DENIED)$/)
      expect(client.message).toMatch(named)
    })
  })

  describe.each(['client', 'server'] as const)('SO_PEERCRED, in the %s,', (role) => {
    it('fails with DENIED and the reason on both sides', async ({ skip }) => {
      const { client } = await exchange(['SO_PEERCRED', error], role, skip)
      expect(client.code).toBe(ErrorCode.DENIED)
    })
  })

  // Without it, a page fault creates each page.
  describe.each(['client', 'server'] as const)('pwritev, in the %s,', (role) => {
    it('does not keep the sides from shared memory', async ({ skip }) => {
      const { client, server } = await exchange(['pwritev', error], role, skip)
      expect(client).toMatchObject({ transport: 'shm', whole: true })
      expect(server).toMatchObject({ transport: 'shm' })
    })
  })

  it('does not break blocking calls, as futex of both sides', async ({ skip }) => {
    const launcher = wordsOf(launcherFor(['futex', error]), skip)
    const server = new Child('channel-side', { args: ['server', address], launcher })
    await server.next()
    const client = new Child('blocking', { args: ['echoes', address, 'shm'], launcher })
    expect(await client.next()).toBe('connected')
    expect(await client.next()).toEqual({ right: true, none: { code: ErrorCode.TIMEOUT } })
    expect(await client.ended).toEqual({ code: 0, signal: null })
  })

  it('does not hide the death of the peer from a blocked call, as futex', async ({ skip }) => {
    const launcher = wordsOf(launcherFor(['futex', error]), skip)
    const server = new Child('channel-side', { args: ['server', address] })
    await server.next()
    const client = new Child('blocking', { args: ['for ever', address, 'shm'], launcher })
    expect(await client.next()).toBe('connected')
    await server.next()
    await server.kill()
    const { receive } = await client.next<{ receive: unknown }>()
    expect(receive).toEqual({ code: ErrorCode.PEER_GONE })
  })
})

// The errors of a system without free memory, reproducible and without a control group.
describe.each(['ENOSPC', 'ENOMEM'] as const)('no memory (%s from fallocate)', (error) => {
  describe.each(['client', 'server'] as const)('for the %s', (role) => {
    it('falls back to the socket with the reason on both sides', async ({ skip }) => {
      const { client, server } = await exchange(['fallocate', error], role, skip)
      expect(client).toMatchObject({ transport: 'unix', whole: true })
      for (const outcome of [client, server]) expect(outcome?.fallbackReason).toMatch(/fallocate/)
    })

    it("fails with OUT_OF_MEMORY if transport 'shm' was requested", async ({ skip }) => {
      const { client } = await exchange(['fallocate', error], role, skip, { transport: 'shm' })
      expect(client.code).toBe(ErrorCode.OUT_OF_MEMORY)
      expect(client.message).toMatch(/fallocate/)
    })
  })
})
