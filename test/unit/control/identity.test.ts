import { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { identifyPeer, ownerOf, peerFault } from '../../../src/control/identity.js'
import { ErrorCode } from '../../../src/errors.js'
import { type ChannelOptions, resolveOptions } from '../../../src/options.js'
import { FakeBinding, nativeError } from '../../support/fake-binding.js'
import { turns } from '../../support/turns.js'

const OVERFLOW = 65_534
const namespace = vi.hoisted(() => ({ complete: false }))

// A user namespace that maps all ids, or not.
vi.mock('../../../src/control/unmapped-ids.js', () => ({
  mayBeUnmapped: (_kind: string, id: number) => id === OVERFLOW && !namespace.complete,
}))

const NO_ADDON = { unavailable: 'there is no addon' }
let fake: FakeBinding

beforeEach(() => {
  namespace.complete = false
  fake = new FakeBinding()
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** A socket with a descriptor, which only the fake binding reads. */
const socket = Object.assign(new Socket(), { _handle: { fd: 5 } })
const identify = (on: Socket = socket) => identifyPeer(on, { binding: fake.binding }, 1)
const fault = (options: ChannelOptions = {}) => peerFault(identify(), resolveOptions(options))

describe('a peer that the kernel reports as the overflow user', () => {
  beforeEach(() => {
    fake.credentials = { pid: 7, uid: OVERFLOW, gid: OVERFLOW }
  })

  it('is that user if every user is mapped', () => {
    namespace.complete = true
    expect(identify().peer).toEqual({ pid: 7, uid: OVERFLOW, gid: OVERFLOW, verified: true })
    vi.spyOn(process, 'geteuid').mockReturnValue(OVERFLOW)
    expect(fault()).toBeUndefined()
  })

  it('has an unknown user if users are not mapped, and is DENIED even if this process has the same id', () => {
    vi.spyOn(process, 'geteuid').mockReturnValue(OVERFLOW)
    expect(identify()).toEqual({
      peer: { pid: 7, uid: undefined, gid: undefined, verified: false },
      credentials: { pid: 7, uid: OVERFLOW, gid: OVERFLOW },
    })
    expect(fault()).toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringMatching(/does not map.*; .*pass the option authorize/) as string,
    })
  })

  it('is not user 65534 for authorize, which may accept it', () => {
    expect(fault({ authorize: (peer) => peer.uid === OVERFLOW })).toMatchObject({ code: ErrorCode.DENIED })
    expect(fault({ authorize: (peer) => peer.verified })).toMatchObject({ code: ErrorCode.DENIED })
    expect(fault({ authorize: () => true })).toBeUndefined()
  })

  it('is verified when only its group is unknown', () => {
    const uid = process.geteuid?.() ?? 0
    fake.credentials = { pid: 7, uid, gid: OVERFLOW }
    expect(identify().peer).toEqual({ pid: 7, uid, gid: undefined, verified: true })
    expect(fault()).toBeUndefined()
  })
})

describe('an authorize that returns a promise', () => {
  const refuse = (answer: unknown, warn = vi.fn()) => ({
    fault: fault({ authorize: () => answer as boolean, logger: { debug: vi.fn(), warn, error: vi.fn() } }),
    warn,
  })

  it('refuses the peer at once, names the promise and warns', async () => {
    const { fault: refusal, warn } = refuse(Promise.resolve(true))
    const message = expect.stringMatching(
      /authorize returned a promise for process \d+ .*must return true or false at once/,
    ) as string
    expect(refusal).toMatchObject({ code: ErrorCode.DENIED, message })
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ event: 'authorize.promise', error: message }),
      'shmwire: the option authorize returned a promise, which refuses the peer',
    )
  })

  it('leaves no unhandled rejection behind', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    refuse(Promise.reject(new RangeError('of the user')))
    await turns(3)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('refuses the peer if the thenable throws', () => {
    const fail = (): never => {
      throw new RangeError('of the user')
    }
    const thenable = new Proxy({}, { get: fail })
    expect(refuse(thenable).fault).toMatchObject({ code: ErrorCode.DENIED, cause: expect.any(RangeError) })
  })
})

describe('a peer that the kernel cannot identify', () => {
  it('is DENIED when the kernel fails', () => {
    fake.failures.set('credentials', nativeError(ErrorCode.UNAVAILABLE, 'getsockopt'))
    expect(() => identify()).toThrow(expect.objectContaining({ code: ErrorCode.DENIED }))
  })

  it('is DENIED when the socket has no descriptor', () => {
    expect(() => identify(new Socket())).toThrow(
      expect.objectContaining({ code: ErrorCode.DENIED, message: expect.stringMatching(/descriptor/) }),
    )
  })

  it('is accepted, unverified, without the addon', () => {
    const identity = identifyPeer(new Socket(), NO_ADDON, 4711)
    expect(identity.peer).toEqual({ pid: 4711, uid: undefined, gid: undefined, verified: false })
    expect(peerFault(identity, resolveOptions({}))).toBeUndefined()
  })
})

describe('a connection', () => {
  it('is counted by its process, or by its user if the process has no pid', () => {
    fake.credentials = { pid: 7, uid: 1, gid: 2 }
    expect(ownerOf(socket, { binding: fake.binding })).toBe('process 7')
    fake.credentials = { pid: 0, uid: 1, gid: 2 }
    expect(ownerOf(socket, { binding: fake.binding })).toBe('user 1, group 2')
    expect(ownerOf(new Socket(), { binding: fake.binding })).toBe('unknown')
    expect(ownerOf(socket, NO_ADDON)).toBe('unknown')
  })
})
