import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import type { UnixAddress } from '../../../../src/address/unix-address.js'
import type { Channel } from '../../../../src/channel/channel.js'
import { ErrorCode } from '../../../../src/errors.js'
import { ownBootId } from '../../../../src/gateway/tunnel/boot-id.js'
import { TunnelGateway } from '../../../../src/gateway/tunnel/tunnel-gateway.js'
import {
  decodeResponse,
  encodeMessage,
  type Transfer,
  type TunnelMessage,
} from '../../../../src/gateway/tunnel/tunnel-message.js'
import { listen } from '../../../../src/listen.js'
import { encodeControlFrame, FrameKind } from '../../../../src/wire/frames.js'
import { encodePreamble } from '../../../../src/wire/preamble.js'
import { fakeServer } from '../../../support/fake-server.js'
import { HELLO, OFFER } from '../../../support/raw-peer.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'
import { connectionPair, type FakeConnection } from '../../../support/tunnel-wire.js'
import { eventually, turns } from '../../../support/turns.js'

const BOUNDS = { bufferBytes: 65_536, windowBytes: 65_536, resumeMs: 60_000 }
const CLIENT = { identity: '', owner: 'host a', address: '192.0.2.7' }
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

function unix(path: string): UnixAddress {
  return { kind: 'unix', path, text: `unix:${path}`, directory: undefined }
}

function newGateway(path: string, options: { sessionsMax?: number; resumeMs?: number } = {}): TunnelGateway {
  const allow = new Map([['prices', unix(path)]])
  const gateway = new TunnelGateway({
    ...BOUNDS,
    sessionsMax: 8,
    transport: 'grpc',
    logger: undefined,
    ...options,
    allow,
  })
  closers.push(() => gateway.close())
  return gateway
}

/** The client's end of a connection, which the gateway has accepted. */
class Remote {
  readonly far: FakeConnection
  readonly near: FakeConnection
  readonly received: TunnelMessage[] = []
  lost = false

  constructor(gateway: TunnelGateway, client = CLIENT) {
    ;[this.near, this.far] = connectionPair()
    this.near.capacity = 1_000
    this.far.capacity = 1_000
    this.near.events = {
      message: (bytes) => this.received.push(decodeResponse(bytes)),
      drain() {},
      lost: () => {
        this.lost = true
      },
    }
    gateway.accept(this.far, client)
  }

  send(message: TunnelMessage | Buffer): void {
    this.near.send(Buffer.isBuffer(message) ? message : encodeMessage(message))
    this.near.deliver()
  }

  async next(): Promise<TunnelMessage> {
    while (this.received.length === 0) {
      this.far.deliver()
      await turns(1)
    }
    return this.received.shift() as TunnelMessage
  }
}

function start(
  options: { session?: Buffer; name?: string; resume?: boolean; bootId?: string; received?: number } = {},
) {
  const { session = randomBytes(16), name = 'prices', resume = false, bootId = '', received = 0 } = options
  return { kind: 'start', session, name, resume, bootId, received, limit: 65_536 + received } as const
}

function hello(terms: object = {}): Transfer {
  const data = Buffer.concat([encodePreamble(), encodeControlFrame(FrameKind.HELLO, { ...HELLO, ...terms })])
  return { kind: 'transfer', position: 0, data, end: false, received: 0, limit: 65_536 }
}

async function startServer(options = {}) {
  const path = `${temporaryDirectory()}/s`
  const server = await listen(`unix:${path}`, options)
  closers.push(() => server.close({ timeoutMs: 5_000 }))
  return { path, server }
}

describe('the gateway of tunnels', () => {
  it('relays a client, whom the server does not take for a local process', async () => {
    const { path, server } = await startServer()
    const remote = new Remote(newGateway(path))
    remote.send(start())
    expect(await remote.next()).toMatchObject({
      kind: 'accepted',
      received: 0,
      limit: 65_536,
      instanceId: '',
    })
    // The client claims to be a process of this machine, with shared memory.
    const first = hello({ transport: 'shm', pid: 1, relayed: { transport: 'grpc', address: '127.0.0.1' } })
    remote.send(first)
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const answer = await remote.next()
    expect(answer).toMatchObject({ kind: 'transfer' })
    const { data } = answer as { data: Buffer }
    expect(String(data)).toContain('the client is connected through a gateway')
    const ready = encodeControlFrame(FrameKind.READY, {})
    remote.send({ ...first, position: first.data.length, data: ready })
    const [channel] = await accepted
    expect(channel).toMatchObject({ transport: 'grpc' })
    expect(channel.peer).toEqual({
      pid: undefined,
      uid: undefined,
      gid: undefined,
      verified: false,
      address: '192.0.2.7',
    })
    channel.destroy()
  })

  it('reports the instance of the server to a client of the same machine only', async () => {
    const { path } = await startServer()
    const gateway = newGateway(path)
    const instanceOf = async (bootId: string): Promise<string> => {
      const remote = new Remote(gateway)
      remote.send(start({ bootId }))
      const { instanceId } = (await remote.next()) as { instanceId: string }
      return instanceId
    }
    expect(await instanceOf('0'.repeat(36))).toBe('')
    const instance = await instanceOf(ownBootId())
    if (ownBootId() !== '') expect(instance).toMatch(/^[0-9a-f]{32}$/)
    expect(await instanceOf(ownBootId())).toBe(instance)
  })

  it.each<[string, TunnelMessage | Buffer, string, string]>([
    [
      'a name that is not allowed',
      start({ name: 'other' }),
      ErrorCode.DENIED,
      'add the name to the option allow',
    ],
    ['an unknown session', start({ resume: true }), ErrorCode.PEER_GONE, 'does not know the session'],
    ['a first message that is not a Start', hello(), ErrorCode.CORRUPT, 'instead of a start'],
    ['garbage', Buffer.from([255, 255]), ErrorCode.CORRUPT, 'malformed'],
  ])('refuses %s', async (_what, message, code, text) => {
    const { path } = await startServer()
    const gateway = newGateway(path)
    const remote = new Remote(gateway)
    remote.send(message)
    expect(await remote.next()).toMatchObject({ error: { code, message: expect.stringContaining(text) } })
    expect([remote.far.ended, gateway.sessions]).toEqual([true, 0])
  })

  it('reports a name at which no server listens', async () => {
    const gateway = newGateway(`${temporaryDirectory()}/none`)
    const remote = new Remote(gateway)
    remote.send(start())
    expect(await remote.next()).toMatchObject({ error: { code: ErrorCode.NOT_LISTENING } })
    expect(gateway.sessions).toBe(0)
  })

  it.each([
    ['sends bytes', (remote: Remote) => remote.send(hello()), ErrorCode.CORRUPT],
    ['ends its connection', (remote: Remote) => remote.far.lose(), undefined],
  ])('forgets a client that %s before the gateway has accepted it', async (_what, act, code) => {
    const { path } = await startServer()
    const gateway = newGateway(path)
    const remote = new Remote(gateway)
    remote.send(start({ bootId: ownBootId() }))
    act(remote)
    if (code !== undefined) expect(await remote.next()).toMatchObject({ error: { code } })
    await eventually(() => gateway.sessions === 0)
  })

  it.each<[string, Buffer, string]>([
    [
      'of a version that does not know gateways',
      Buffer.concat([
        encodePreamble(),
        encodeControlFrame(FrameKind.OFFER, { ...OFFER, transport: 'socket', reason: 'none' }),
      ]),
      ErrorCode.VERSION,
    ],
    ['of another major version', Buffer.from('SHMW\x02\0\0\0', 'latin1'), ErrorCode.VERSION],
    ['that sends another frame', Buffer.concat([encodePreamble(), Buffer.alloc(12)]), ErrorCode.CORRUPT],
    ['that ends its connection', Buffer.alloc(0), ErrorCode.PEER_GONE],
  ])('does not relay a client to a server %s', async (_what, answer, code) => {
    const { path } = await fakeServer(temporaryDirectory(), 's', (socket) => {
      socket.once('data', () => (answer.length === 0 ? socket.destroy() : socket.write(answer)))
    })
    const gateway = newGateway(path)
    const remote = new Remote(gateway)
    remote.send(start())
    await remote.next()
    remote.send(hello())
    let last = await remote.next()
    while (last.kind !== 'close') last = await remote.next()
    expect(last).toMatchObject({ error: { code } })
    await eventually(() => gateway.sessions === 0)
  })

  it('continues a session on another connection, which replaces the first one', async () => {
    const { path } = await startServer()
    const gateway = newGateway(path)
    const session = randomBytes(16)
    const first = new Remote(gateway)
    first.send(start({ session }))
    await first.next()
    first.send(hello())
    const bytes = hello().data.length
    const second = new Remote(gateway)
    second.send(start({ session, resume: true, name: '' }))
    expect(await second.next()).toMatchObject({ kind: 'accepted', received: bytes })
    expect(first.far.ended).toBe(true)
    // The answer of the server, from the beginning.
    expect(await second.next()).toMatchObject({ kind: 'transfer', position: 0 })
    expect(gateway.sessions).toBe(1)
  })

  it('bounds the sessions, and counts one until its connection to the server has closed', async () => {
    const { path } = await startServer()
    const gateway = newGateway(path, { sessionsMax: 2 })
    const first = new Remote(gateway)
    first.send(start())
    await first.next()
    const second = new Remote(gateway)
    second.send(start())
    expect(await second.next()).toMatchObject({ error: { code: ErrorCode.UNAVAILABLE } })
    first.send({ kind: 'close', error: undefined })
    await eventually(() => gateway.sessions === 0)
    const third = new Remote(gateway)
    third.send(start())
    expect(await third.next()).toMatchObject({ kind: 'accepted' })
  })

  it('ends a session that has no connection for resumeMs', async () => {
    const { path } = await startServer()
    const gateway = newGateway(path, { resumeMs: 30 })
    const session = randomBytes(16)
    const remote = new Remote(gateway)
    remote.send(start({ session }))
    await remote.next()
    remote.far.lose()
    await eventually(() => gateway.sessions === 0)
    const late = new Remote(gateway)
    late.send(start({ session, resume: true }))
    expect(await late.next()).toMatchObject({ error: { code: ErrorCode.PEER_GONE } })
  })

  it('ends the oldest of many connections without a Start', async () => {
    const gateway = newGateway('/nowhere')
    const remotes = Array.from({ length: 65 }, () => new Remote(gateway))
    expect(await (remotes[0] as Remote).next()).toMatchObject({ error: { code: ErrorCode.UNAVAILABLE } })
    expect(remotes.filter(({ far }) => far.ended).length).toBe(1)
    // Another host is not affected.
    expect(new Remote(gateway, { ...CLIENT, owner: 'host b' }).far.ended).toBe(false)
    for (const remote of remotes) remote.far.lose()
  })

  it('ends all sessions with CLOSED when it closes, and refuses new ones', async () => {
    const { path } = await startServer()
    const gateway = newGateway(path)
    const remote = new Remote(gateway)
    remote.send(start())
    await remote.next()
    gateway.close()
    expect(await remote.next()).toMatchObject({ error: { code: ErrorCode.CLOSED } })
    await eventually(() => gateway.sessions === 0)
    expect(await new Remote(gateway).next()).toMatchObject({ error: { code: ErrorCode.CLOSED } })
  })
})
