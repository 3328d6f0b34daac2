import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { identifyPeer } from '../../../../src/control/identity.js'
import type { Identity, Peer } from '../../../../src/peer.js'
import { defaultIdentify, encodeIdentity, identityOf } from '../../../../src/service/auth/identity.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { Metadata } from '../../../../src/service/call/metadata.js'
import type { Interceptor } from '../../../../src/service/interceptors.js'
import { serve } from '../../../../src/service/serve.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { failure, testClient } from '../../../support/services.js'

const OWN: Peer = { pid: 5, uid: process.getuid?.(), gid: 1, verified: true }
const OTHER: Peer = { ...OWN, uid: 4_000_000 }
const UNVERIFIED: Peer = { pid: 5, uid: undefined, gid: undefined, verified: false }
const REMOTE: Peer = { ...UNVERIFIED, pid: undefined, address: '10.0.0.1' }
const CERTIFIED: Peer = { ...REMOTE, verified: true, certificate: { subject: { CN: 'orders' } } as never }
const LOCAL = { subject: `uid:${process.getuid?.()}`, roles: ['local'] }

function found(peer: Peer, stated?: Identity | null): unknown {
  return identityOf(peer, stated === undefined ? undefined : encodeIdentity(stated), defaultIdentify)
}

describe('the identity of a caller', () => {
  it('is that of its peer', () => {
    expect(found(OWN)).toMatchObject(LOCAL)
    expect(found(OTHER)).toBeUndefined()
    expect(found(UNVERIFIED)).toBeUndefined()
    expect(found(REMOTE)).toBeUndefined()
    expect(found(CERTIFIED)).toEqual({ subject: 'orders', scopes: [], roles: [] })
  })

  it('is that of every local peer if the kernel cannot be asked', () => {
    const native = { unavailable: 'a test' }
    const { peer } = identifyPeer(new PassThrough(), native, 5)
    expect(found(peer)).toMatchObject({ roles: ['local'] })
    expect(found(peer, { subject: 'ann' })).toMatchObject({ subject: 'ann' })
    expect(found({ ...peer })).toBeUndefined()
  })

  it('is that of its gateway behind a tunnel, which a call cannot replace', () => {
    const identity = { subject: 'ann', scopes: ['users:read'], roles: [] }
    expect(found({ ...REMOTE, identity })).toEqual(identity)
    expect(found({ ...REMOTE, identity }, { subject: 'root' })).toEqual(identity)
    expect(found(REMOTE, { subject: 'root' })).toBeUndefined()
  })

  it('is the one that a process of the same user states, and no other process', () => {
    const stated = { subject: 'ann', scopes: ['users:read'], roles: [] }
    expect(found(OWN, stated)).toEqual(stated)
    expect(found(OWN, null)).toBeUndefined()
    expect(found(OTHER, stated)).toBeUndefined()
    expect(found(REMOTE, stated)).toBeUndefined()
    expect(found(CERTIFIED, stated)).toMatchObject({ subject: 'orders' })
    // It only loses what its certificate has.
    expect(found(CERTIFIED, null)).toBeUndefined()
  })

  it('is undefined if it is malformed', () => {
    for (const text of [
      '',
      '{}',
      '5',
      '{"subject":""}',
      '{"subject":"a","roles":"x"}',
      `"${'x'.repeat(9000)}"`,
    ]) {
      expect(identityOf(OWN, Buffer.from(text), defaultIdentify)).toBeUndefined()
    }
  })
})

describe('a service with a policy', () => {
  const rules = policy({ 's/read': ['local', 'reader'], 's/write': ['writer'] })

  it('lets processes call what their identity may call, and others on their behalf', async () => {
    const [left, right] = createChannelPair()
    const seen: unknown[] = []
    const handler = (_message: unknown, { identity }: CallContext): void => void seen.push(identity?.subject)
    await serve(right, { read: handler, write: handler }, { name: 's', policy: rules })
    const calls = await testClient<'read' | 'write'>(left, { name: 's' })
    await calls.read()
    const denied = await failure(calls.write())
    expect(denied).toMatchObject({ status: 'PERMISSION_DENIED', reason: 'NOT_ALLOWED' })
    await calls.write(1, { identity: { subject: 'ann', roles: ['writer'] } })
    expect(await failure(calls.read(1, { identity: null }))).toMatchObject({ status: 'UNAUTHENTICATED' })
    await calls.$ping()
    expect(await failure(calls.$info())).toMatchObject({ status: 'PERMISSION_DENIED' })
    expect(seen).toEqual([LOCAL.subject, 'ann'])
  })

  it('takes the identity that the program finds', async () => {
    const [left, right] = createChannelPair()
    const identify = ({ pid }: Peer): Identity => ({ subject: `pid:${pid}`, roles: ['writer'] })
    await serve(right, { read: () => 1, write: () => 2 }, { name: 's', policy: rules, identify })
    const calls = await testClient<'read' | 'write'>(left, { name: 's' })
    expect(await calls.write()).toBe(2)
    expect(await failure(calls.read())).toMatchObject({
      status: 'PERMISSION_DENIED',
      message: `"pid:${process.pid}" may not call s/read`,
    })
  })

  it('refuses a rule for a method that it does not have', async () => {
    const [left] = createChannelPair()
    const wrong = policy({ 's/raed': true })
    expect(await failure(serve(left, { read: () => 1 }, { name: 's', policy: wrong }))).toMatchObject({
      message: expect.stringContaining('did you mean "s/read"?') as string,
    })
  })
})

describe('a service that passes its calls on', () => {
  it('passes the identity that it has found, and not the role of its own process', async () => {
    const who = (_message: unknown, { identity }: CallContext): unknown => identity?.subject ?? 'nobody'
    const [left, right] = createChannelPair()
    await serve(right, { who }, { name: 'inner' })
    const behind = await testClient<'who'>(left, { name: 'inner' })
    const [outside, inside] = createChannelPair()
    let identity: Identity | undefined
    await serve(inside, { who: behind.who }, { name: 'passing', identify: () => identity })
    const calls = await testClient<'who'>(outside, { name: 'passing' })
    expect(await calls.who()).toBe('nobody')
    identity = { subject: 'ann' }
    expect(await calls.who()).toBe('ann')
  })

  it('does not pass a statement of its caller in the metadata', async () => {
    const [outside, inside] = createChannelPair()
    const seen: string[] = []
    const who = (_message: unknown, { metadata }: CallContext): void =>
      void seen.push(...[...metadata].flat().map(String))
    await serve(inside, { who }, { name: 's' })
    const calls = await testClient<'who'>(outside, { name: 's' })
    await calls.who(1, { identity: { subject: 'root' }, metadata: { 'x-a': '1' } })
    expect(seen).toEqual(['x-a', '1'])
  })
})

describe('an interceptor of a client', () => {
  it('cannot lose the statement of its call', async () => {
    const [left, right] = createChannelPair()
    const rules = policy({ 's/read': ['local'] })
    await serve(right, { read: () => 1 }, { name: 's', policy: rules })
    const replacing: Interceptor = (next) => (call) =>
      next({ ...call, metadata: new Metadata({ 'x-trace': '1' }) })
    const calls = await testClient<'read'>(left, { name: 's', interceptors: [replacing] })
    expect(await calls.read()).toBe(1)
    expect(await failure(calls.read(1, { identity: null }))).toMatchObject({ status: 'UNAUTHENTICATED' })
  })
})

describe('identify', () => {
  it('must not return a promise, whose rejection would end the process', async () => {
    const [left, right] = createChannelPair()
    const identify = (() => Promise.reject(new Error('late'))) as never
    await serve(
      right,
      { read: (_message: unknown, { identity }: CallContext) => identity },
      { name: 's', identify },
    )
    const calls = await testClient<'read'>(left, { name: 's' })
    expect(await failure(calls.read())).toMatchObject({ status: 'INTERNAL' })
  })
})
