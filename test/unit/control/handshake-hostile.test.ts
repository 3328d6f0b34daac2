import { once } from 'node:events'
import { createConnection } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newHandshakeLimits } from '../../../src/control/handshake.js'
import { handshakeAsClient } from '../../../src/control/handshake-client.js'
import { handshakeAsServer } from '../../../src/control/handshake-server.js'
import { ErrorCode } from '../../../src/errors.js'
import { type ChannelOptions, resolveOptions } from '../../../src/options.js'
import { encodeControlFrame, encodeFrame, FrameKind } from '../../../src/wire/frames.js'
import { encodePreamble } from '../../../src/wire/preamble.js'
import { FakeBinding, FakeHandoverSocket } from '../../support/fake-binding.js'
import { HIDES_CLIENTS } from '../../support/not-on-windows.js'
import { HELLO, OFFER, RawPeer } from '../../support/raw-peer.js'
import { socketPair } from '../../support/socket-pair.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const HANDOVER_PATH = '/hostile-handover'
const SHORT_MS = 100

let native: FakeBinding
let handoverSocket: FakeHandoverSocket

beforeEach(() => {
  native = new FakeBinding()
  handoverSocket = new FakeHandoverSocket(native, HANDOVER_PATH)
})

afterEach(() => handoverSocket.close())

type Refusal = Error & { code: string }

function side(options: ChannelOptions = {}) {
  const settings = resolveOptions(options)
  return { settings, codecName: 'msgpack', native: { binding: native.binding }, transport: 'unix' } as const
}

/** A server's handshake with a peer that the test plays. A failure resolves to its error. */
async function serverAgainst(options: ChannelOptions = {}, timeoutMs?: number, socketOptions = {}) {
  const sockets = await socketPair(socketOptions)
  const outcome = handshakeAsServer(sockets.server, {
    ...side(options),
    handoverSocket,
    limits: newHandshakeLimits(),
    timeoutMs,
  }).catch((error: Refusal) => error)
  return { peer: new RawPeer(sockets.client), socket: sockets.server, outcome }
}

async function clientAgainst(options: ChannelOptions = {}, timeoutMs?: number) {
  const sockets = await socketPair()
  const own = { ...side(options), handoverPath: HANDOVER_PATH, timeoutMs }
  const outcome = handshakeAsClient(sockets.client, own).catch((error: Refusal) => error)
  return { peer: new RawPeer(sockets.server), socket: sockets.client, outcome }
}

async function expectRefusal(outcome: Promise<object>, code: string, text = ''): Promise<void> {
  expect(await outcome).toMatchObject({ code, message: expect.stringContaining(text) })
  expect(native.endpointsOpen).toBe(0)
  expect([handoverSocket.expected.size, handoverSocket.arrived.size]).toEqual([0, 0])
}

const header = (bytes: number, kind: number, flags = 0): Buffer => {
  const frame = encodeFrame(kind, 0, Buffer.alloc(0))
  frame.writeUInt32LE(bytes, 0)
  frame.writeUInt16LE(flags, 6)
  return frame
}

const handoverFull = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => encodeControlFrame(FrameKind.HANDOVER_FULL, {})))

describe('a server', () => {
  it.each([
    ['an HTTP request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['random bytes', Buffer.from('f3a1c07b99e2d84417aa', 'hex')],
    ['eight zeros', Buffer.alloc(8)],
  ])('closes after %s without a reply', async (_what, bytes) => {
    const { peer, outcome } = await serverAgainst()
    peer.write(bytes)
    await expectRefusal(outcome, ErrorCode.VERSION, 'does not speak the protocol of shmwire')
    expect(await peer.readPreamble()).toBeUndefined()
  })

  it('sends both versions to a peer with another version, and closes', async () => {
    const { peer, socket, outcome } = await serverAgainst()
    peer.preamble(Buffer.from('SHMW\x02\x07\0\0', 'latin1')).write('whatever version 2 says')
    await expectRefusal(outcome, ErrorCode.VERSION, 'version 2, this side 1')
    expect(await peer.readPreamble()).toEqual(encodePreamble())
    expect(await peer.read()).toMatchObject({ kind: FrameKind.REJECT, message: { code: ErrorCode.VERSION } })
    await peer.closed()
    if (!socket.destroyed) await once(socket, 'close')
  })

  it('accepts a higher minor version and unknown members', async () => {
    const { peer, outcome } = await serverAgainst()
    peer.preamble(Buffer.from('SHMW\x01\x09\x01\x01', 'latin1'))
    peer.send('HELLO', { ...HELLO, shm: 'none', features: ['later'], more: { a: 1 } })
    await peer.readPreamble()
    expect(await peer.read()).toMatchObject({ kind: FrameKind.OFFER, message: { transport: 'socket' } })
    peer.send('READY', { more: 1 })
    expect(await outcome).toMatchObject({ transport: 'unix' })
  })

  it.each([
    ['silence', Buffer.alloc(0)],
    ['half a preamble', encodePreamble().subarray(0, 4)],
    ['half a header', Buffer.concat([encodePreamble(), header(2, FrameKind.HELLO).subarray(0, 7)])],
    ['half a payload', Buffer.concat([encodePreamble(), header(60_000, FrameKind.HELLO), Buffer.alloc(500)])],
  ])('closes after its timeout when there is %s', async (_what, bytes) => {
    const { peer, outcome } = await serverAgainst({}, SHORT_MS)
    peer.write(bytes)
    await expectRefusal(outcome, ErrorCode.TIMEOUT)
    await peer.closed()
  })

  it.each([
    ['a huge length', header(0xffffffff, FrameKind.HELLO)],
    ['64 KiB and a byte', header(65_537, FrameKind.HELLO)],
    ['flags', header(0, FrameKind.HELLO, 1)],
    ['a record', header(1, 1)],
    ['kind 0', header(0, 0)],
    ['an OFFER', encodeControlFrame(FrameKind.OFFER, OFFER)],
    ['READY first', encodeControlFrame(FrameKind.READY, {})],
    ['an unknown kind', header(0, 272)],
    ['no payload', header(0, FrameKind.HELLO)],
    ['invalid JSON', encodeFrame(FrameKind.HELLO, 0, Buffer.from('{'))],
    ['an array', encodeFrame(FrameKind.HELLO, 0, Buffer.from('[]'))],
    ['null', encodeFrame(FrameKind.HELLO, 0, Buffer.from('null'))],
    ['deep nesting', encodeFrame(FrameKind.HELLO, 0, Buffer.from('['.repeat(65_000)))],
    ['invalid UTF-8', encodeFrame(FrameKind.HELLO, 0, Buffer.from([0xff, 0xfe]))],
  ])('closes after %s in place of HELLO', async (_what, frame) => {
    const { peer, outcome } = await serverAgainst()
    peer.preamble().write(frame)
    await expectRefusal(outcome, ErrorCode.CORRUPT)
    await peer.closed()
  })

  it.each([
    ['features', 'all'],
    ['features', Array.from({ length: 65 }, () => 'x')],
    ['features', [1]],
    ['features', ['']],
    ['codec', 7],
    ['codec', ''],
    ['codec', 'x'.repeat(65)],
    ['maxMessageBytes', 0],
    ['maxMessageBytes', 1.5],
    ['maxMessageBytes', 2 ** 31],
    ['maxMessageBytes', '1024'],
    ['ringBytes', 65_537],
    ['ringBytes', 32_768],
    ['ringBytes', 2 ** 31],
    ['transport', 'tcp'],
    ['transport', undefined],
    ['shm', false],
    ['shm', ''],
    ['shm', 'x'.repeat(1025)],
    ['pid', 0],
    ['pid', -1],
    ['pid', null],
    ['pid', 2 ** 31],
    ['relayed', null],
    ['relayed', { transport: 'tcp' }],
    ['relayed', { transport: 'grpc', address: 'a name' }],
    ['relayed', { transport: 'grpc', address: 7 }],
    ['relayed', { transport: 'grpc', identity: null }],
  ])('rejects a HELLO whose %s is %j', async (member, value) => {
    const { peer, outcome } = await serverAgainst()
    peer.preamble().send('HELLO', { ...HELLO, [member]: value })
    await expectRefusal(outcome, ErrorCode.CORRUPT, `${member} of the peer's HELLO is`)
  })

  it('does not mistake inherited members for members of the peer', async () => {
    const { peer, outcome } = await serverAgainst()
    peer
      .preamble()
      .write(
        encodeFrame(
          FrameKind.HELLO,
          0,
          Buffer.from(JSON.stringify(HELLO).replace('{', '{"__proto__":{"codec":"x"},')),
        ),
      )
    await peer.readPreamble()
    expect(await peer.read()).toMatchObject({ kind: FrameKind.OFFER, message: { codec: 'msgpack' } })
    peer.socket.destroy()
    await expectRefusal(outcome, ErrorCode.PEER_GONE)
  })

  const wrongAnswers: [string, (peer: RawPeer) => void][] = [
    ['a second HELLO', (peer) => peer.send('HELLO', HELLO)],
    ['READY before HANDLES', (peer) => peer.send('READY')],
    ['HANDLES without descriptors', (peer) => peer.send('HANDLES')],
    ['HANDOVER_READY', (peer) => peer.send('HANDOVER_READY')],
    ['a record', (peer) => peer.write(encodeFrame(1, 0, Buffer.alloc(0)))],
    ['SOCKET without a reason', (peer) => peer.send('SOCKET')],
    ['HANDOVER_FULL without end', (peer) => peer.write(handoverFull(101))],
  ]

  it.each(wrongAnswers)('closes at %s after OFFER and releases everything', async (_what, answer) => {
    const { peer, outcome } = await serverAgainst()
    peer.preamble().send('HELLO', HELLO)
    await peer.readPreamble()
    expect(await peer.read()).toMatchObject({ kind: FrameKind.OFFER, message: { transport: 'shm' } })
    answer(peer)
    await expectRefusal(outcome, ErrorCode.CORRUPT)
  })

  it('drains the handover socket once in a turn, however many HANDOVER_FULL come at once', async () => {
    const { peer } = await serverAgainst()
    peer.preamble().send('HELLO', HELLO)
    await peer.readPreamble()
    await peer.read()
    native.drainTurns.length = 0
    peer.write(handoverFull(100))
    for (let answer = 0; answer < 100; answer += 1) await peer.read()
    expect(new Set(native.drainTurns).size).toBe(100)
  })

  it("does not let a client change to the socket when its own transport is 'shm'", async () => {
    const { peer, outcome } = await serverAgainst({ transport: 'shm' })
    peer.preamble().send('HELLO', HELLO)
    await peer.readPreamble()
    expect(await peer.read()).toMatchObject({ kind: FrameKind.OFFER, message: { mayFallBack: false } })
    peer.send('SOCKET', { reason: 'no' })
    await expectRefusal(outcome, ErrorCode.CORRUPT, 'kind 263')
  })

  it.each([
    ['at once', []],
    ['after the preamble', [encodePreamble()]],
    ['after half a frame', [encodePreamble(), header(100, FrameKind.HELLO)]],
  ])('fails with PEER_GONE when the client closes %s', async (_what, parts) => {
    const { peer, outcome } = await serverAgainst()
    for (const part of parts) peer.write(part)
    peer.socket.end()
    await expectRefusal(outcome, ErrorCode.PEER_GONE)
  })

  it.each(['after the OFFER', 'after HANDOVER_FULL', 'after HANDLES'])(
    'fails with PEER_GONE when the client closes %s, and closes its socket',
    async (when) => {
      const { peer, socket, outcome } = await serverAgainst()
      peer.preamble().send('HELLO', HELLO)
      await peer.readPreamble()
      const offer = await peer.read()
      if (when === 'after HANDOVER_FULL') peer.send('HANDOVER_FULL')
      if (when === 'after HANDLES') {
        const token = Buffer.from((offer as unknown as { message: { token: string } }).message.token, 'hex')
        const endpoint = new native.binding.Endpoint({ ringBytes: 1, maxMessageBytes: 1, recordsMax: 1 })
        expect(endpoint.offerHandles(HANDOVER_PATH, token)).toBe(true)
        peer.send('HANDLES')
        expect(await peer.read()).toMatchObject({ kind: FrameKind.READY })
        endpoint.close()
      }
      peer.socket.destroy()
      await expectRefusal(outcome, ErrorCode.PEER_GONE)
      expect(socket.destroyed).toBe(true)
    },
  )

  it.each([
    [
      'a code that it knows',
      { code: ErrorCode.OUT_OF_MEMORY, message: 'why' },
      ErrorCode.OUT_OF_MEMORY,
      'the peer refused: why',
    ],
    [
      'a code that it does not know',
      { code: 'ERR_SHMWIRE_LATER', message: 'why' },
      ErrorCode.DENIED,
      'ERR_SHMWIRE_LATER',
    ],
    ['an invalid code', { code: 7, message: 'why' }, ErrorCode.CORRUPT, 'code'],
    ['no message', { code: ErrorCode.DENIED }, ErrorCode.CORRUPT, 'message'],
  ])('understands a REJECT with %s', async (_what, message, code, text) => {
    const { peer, outcome } = await serverAgainst()
    peer.preamble().send('REJECT', message)
    await expectRefusal(outcome, code, text)
  })

  it('closes the socket of a refused peer that keeps it open', async () => {
    const { peer, socket, outcome } = await serverAgainst({}, undefined, { allowHalfOpen: true })
    peer.preamble().send('HELLO', { ...HELLO, codec: 'json' })
    await expectRefusal(outcome, ErrorCode.INVALID_ARGUMENT)
    const flood = setInterval(() => peer.socket.writable && peer.write(Buffer.alloc(1000)), 10)
    await once(socket, 'close')
    clearInterval(flood)
  })
})

describe('a client', () => {
  it.each(['HTTP/1.1 400 Bad Request\r\n\r\n', '\0'.repeat(8)])(
    'rejects a server that begins with %j',
    async (bytes) => {
      const { peer, outcome } = await clientAgainst()
      peer.write(bytes)
      await expectRefusal(outcome, ErrorCode.VERSION, 'does not speak the protocol of shmwire')
    },
  )

  it('reports both versions of a server with another version', async () => {
    const { peer, outcome } = await clientAgainst()
    peer.preamble(Buffer.from('SHMW\x03\0\0\0', 'latin1'))
    await expectRefusal(outcome, ErrorCode.VERSION, 'version 3, this side 1')
  })

  it('times out when the server is silent', async () => {
    const { peer, outcome } = await clientAgainst({}, SHORT_MS)
    peer.preamble()
    await expectRefusal(outcome, ErrorCode.TIMEOUT)
    await peer.closed()
  })

  it.each([
    ['token', 'xyz'],
    ['token', undefined],
    ['token', 'A'.repeat(32)],
    ['mayFallBack', 1],
    ['transport', 'auto'],
    ['codec', 'json'],
    ['pid', 'x'],
    ['maxMessageBytes', -1],
  ])('rejects an OFFER whose %s is %j', async (member, value) => {
    const { peer, outcome } = await clientAgainst()
    peer.preamble().send('OFFER', { ...OFFER, [member]: value })
    await expectRefusal(outcome, ErrorCode.CORRUPT, member === 'codec' ? 'codec "json"' : member)
  })

  it.each<[ChannelOptions['transport'], object]>([
    ['socket', OFFER],
    ['shm', { ...OFFER, transport: 'socket', reason: 'no' }],
  ])("rejects an OFFER that its transport '%s' excludes", async (transport, offer) => {
    const { peer, outcome } = await clientAgainst({ transport })
    peer.preamble().send('OFFER', offer)
    await expectRefusal(outcome, ErrorCode.CORRUPT, 'rules out')
  })

  it.each<[string, (peer: RawPeer) => void]>([
    ['READY without having taken the descriptors', (peer) => peer.send('READY')],
    ['a second OFFER', (peer) => peer.send('OFFER', OFFER)],
    ['HANDOVER_READY without need', (peer) => peer.send('HANDOVER_READY')],
    ['an unknown kind', (peer) => peer.write(header(0, 272))],
    ['a record', (peer) => peer.write(header(0, 1))],
    ['SOCKET without a reason', (peer) => peer.send('SOCKET')],
  ])('fails at %s after HANDLES and releases everything', async (_what, answer) => {
    const { peer, outcome } = await clientAgainst()
    peer.preamble().send('OFFER', OFFER)
    answer(peer)
    await expectRefusal(outcome, ErrorCode.CORRUPT)
    await peer.closed()
  })

  it.skipIf(HIDES_CLIENTS)('refuses descriptors of another process, even with authorize', async () => {
    const { peer, outcome } = await clientAgainst({ authorize: () => true })
    native.answerer = { ...native.credentials, pid: native.credentials.pid + 1 }
    peer.preamble().send('OFFER', OFFER)
    await peer.find(FrameKind.HANDLES)
    peer.send('READY')
    expect(await peer.find(FrameKind.REJECT)).toMatchObject({ code: ErrorCode.CORRUPT })
    await expectRefusal(outcome, ErrorCode.CORRUPT, 'another process')
    await peer.closed()
  })

  it('does not let a server change to the socket after it required shared memory', async () => {
    const { peer, outcome } = await clientAgainst()
    peer
      .preamble()
      .send('OFFER', { ...OFFER, mayFallBack: false })
      .send('SOCKET', { reason: 'no' })
    await expectRefusal(outcome, ErrorCode.CORRUPT, 'kind 263')
  })

  it.each(['at once', 'after the preamble', 'after the OFFER'])(
    'fails with PEER_GONE when the server closes %s',
    async (when) => {
      const { peer, outcome } = await clientAgainst()
      if (when !== 'at once') peer.preamble()
      if (when === 'after the OFFER') peer.send('OFFER', OFFER)
      peer.socket.destroySoon()
      await expectRefusal(outcome, ErrorCode.PEER_GONE)
    },
  )

  it('fails with the code of a REJECT, even if the server has already ended', async () => {
    const { peer, outcome } = await clientAgainst()
    peer.preamble().send('REJECT', { code: ErrorCode.DENIED, message: 'not you' })
    peer.socket.destroySoon()
    await expectRefusal(outcome, ErrorCode.DENIED, 'the peer refused: not you')
  })

  it('fails with NOT_LISTENING when its socket does not connect', async () => {
    const outcome = handshakeAsClient(createConnection(`${temporaryDirectory()}/none`), {
      ...side(),
      handoverPath: HANDOVER_PATH,
    }).catch((error: Refusal) => error)
    await expectRefusal(outcome, ErrorCode.NOT_LISTENING)
  })
})
