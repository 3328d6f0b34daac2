import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionLimit } from '../../../src/control/connection-limit.js'
import { HandoverSlots } from '../../../src/control/handover-slots.js'
import { type HandshakeLimits, newHandshakeLimits } from '../../../src/control/handshake.js'
import { handshakeAsServer } from '../../../src/control/handshake-server.js'
import { ErrorCode } from '../../../src/errors.js'
import { resolveOptions } from '../../../src/options.js'
import { encodeFrame, FrameKind } from '../../../src/wire/frames.js'
import { FakeBinding, FakeHandoverSocket } from '../../support/fake-binding.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { HELLO, RawPeer } from '../../support/raw-peer.js'
import { socketPair } from '../../support/socket-pair.js'
import { waitFor } from '../../support/wait-for.js'

const HANDOVER_PATH = '/silent-handover'
const SHORT_MS = 100

let native: FakeBinding
let handoverSocket: FakeHandoverSocket

beforeEach(() => {
  native = new FakeBinding()
  handoverSocket = new FakeHandoverSocket(native, HANDOVER_PATH)
})

afterEach(() => handoverSocket.close())

/** A server's handshake with a peer that the test plays. A failure resolves to its error. */
async function serverAgainst(limits: HandshakeLimits, socketOptions = {}, timeoutMs?: number) {
  const sockets = await socketPair(socketOptions)
  const outcome = handshakeAsServer(sockets.server, {
    settings: resolveOptions({}),
    codecName: 'msgpack',
    native: { binding: native.binding },
    transport: 'unix',
    handoverSocket,
    limits,
    timeoutMs,
  }).catch((error: Error & { code: string }) => error)
  return { peer: new RawPeer(sockets.client), socket: sockets.server, outcome, limits }
}

function header(bytes: number, kind: number): Buffer {
  const frame = encodeFrame(kind, 0, Buffer.alloc(0))
  frame.writeUInt32LE(bytes, 0)
  return frame
}

describe('a server with clients that fall silent', () => {
  /** Each advances to its stage and then sends nothing. */
  const STAGES: [string, (peer: RawPeer) => Promise<unknown> | undefined][] = [
    ['before the preamble', () => undefined],
    ['within the preamble', (peer) => void peer.write('SHM')],
    ['before HELLO', (peer) => peer.preamble().readPreamble()],
    [
      'within HELLO',
      (peer) => peer.preamble().write(header(60_000, FrameKind.HELLO)).write('{').readPreamble(),
    ],
    ['after OFFER of shared memory', (peer) => peer.preamble().send('HELLO', HELLO).find(FrameKind.OFFER)],
    [
      'after OFFER of the socket',
      (peer) =>
        peer
          .preamble()
          .send('HELLO', { ...HELLO, shm: 'none' })
          .find(FrameKind.OFFER),
    ],
    [
      'within a frame after OFFER',
      (peer) =>
        peer.preamble().send('HELLO', HELLO).write(header(9, FrameKind.HANDLES)).find(FrameKind.OFFER),
    ],
    [
      'after REJECT',
      (peer) =>
        peer
          .preamble()
          .send('HELLO', { ...HELLO, codec: 'x' })
          .find(FrameKind.REJECT),
    ],
  ]

  it.each(STAGES)('holds no segment for a client that is silent %s', async (_when, speak) => {
    const { peer, outcome, limits } = await serverAgainst(newHandshakeLimits())
    await speak(peer)
    expect(native.endpointOptions).toEqual([])
    peer.socket.destroy()
    await outcome
    expect(limits.slots.load).toEqual({ held: 0, waiting: 0 })
    await waitFor(() => expect(limits.halfOpen.count).toBe(0))
  })

  it.each(STAGES)('dismisses a client that is silent %s for a newer one', async (when, speak) => {
    const limits = { ...newHandshakeLimits(), halfOpen: new ConnectionLimit(9, 1) }
    const silent = await serverAgainst(limits, { allowHalfOpen: true })
    await speak(silent.peer)
    const { peer, outcome } = await serverAgainst(limits)
    const code = when === 'after REJECT' ? ErrorCode.INVALID_ARGUMENT : ErrorCode.UNAVAILABLE
    expect(await silent.outcome).toMatchObject({ code })
    await waitFor(() => expect(silent.socket.destroyed).toBe(true))
    expect(limits.halfOpen.count).toBe(1)
    expect(limits.slots.load).toEqual({ held: 0, waiting: 0 })
    peer.preamble().send('HELLO', { ...HELLO, shm: 'none' })
    expect(await peer.find(FrameKind.OFFER)).toMatchObject({ transport: 'socket' })
    peer.send('READY')
    expect(await outcome).toMatchObject({ transport: 'unix' })
    expect(limits.halfOpen.count).toBe(0)
  })

  // A pipe of Windows drops unread bytes when it closes.
  it.skipIf(IS_WINDOWS).each(['before the preamble', 'before HELLO'])(
    'sends the reason to a client that it dismisses %s',
    async (when) => {
      const limits = { ...newHandshakeLimits(), halfOpen: new ConnectionLimit(9, 1) }
      const { peer } = await serverAgainst(limits)
      if (when === 'before HELLO') await peer.preamble().readPreamble()
      await serverAgainst(limits)
      expect(await peer.find(FrameKind.REJECT)).toMatchObject({
        code: ErrorCode.UNAVAILABLE,
        message: expect.stringMatching(/^the server ended its oldest open handshake/) as string,
      })
      await peer.closed()
    },
  )

  const FEW = { slots: 1, slotsPerOwner: 1, waiting: 8, waitingPerOwner: 8, waitMs: 50, waitMaxMs: 100 }

  it('offers the socket with the reason when no slot becomes free in time', async () => {
    const limits = { ...newHandshakeLimits(), slots: new HandoverSlots(FEW) }
    const silent = await serverAgainst(limits)
    silent.peer.preamble().send('HELLO', HELLO)
    await silent.peer.find(FrameKind.OFFER)
    const { peer, outcome } = await serverAgainst(limits)
    peer.preamble().send('HELLO', HELLO)
    const reason = expect.stringMatching(/^the server had no free handshake slot for \d+ ms/) as string
    expect(await peer.find(FrameKind.OFFER)).toMatchObject({ transport: 'socket', reason })
    peer.send('READY')
    expect(await outcome).toMatchObject({ transport: 'unix', fallbackReason: reason })
    silent.peer.socket.destroy()
    await silent.outcome
    expect(limits.slots.load).toEqual({ held: 0, waiting: 0 })
  })

  it("rejects a client that requires 'shm' with UNAVAILABLE when no slot becomes free in time", async () => {
    const limits = { ...newHandshakeLimits(), slots: new HandoverSlots(FEW) }
    const silent = await serverAgainst(limits)
    silent.peer.preamble().send('HELLO', HELLO)
    await silent.peer.find(FrameKind.OFFER)
    const { peer, outcome } = await serverAgainst(limits)
    peer.preamble().send('HELLO', { ...HELLO, transport: 'shm' })
    expect(await peer.find(FrameKind.REJECT)).toMatchObject({ code: ErrorCode.UNAVAILABLE })
    expect(await outcome).toMatchObject({ code: ErrorCode.UNAVAILABLE })
    silent.peer.socket.destroy()
    await silent.outcome
  })

  it('forgets a client that waits for a slot when its handshake times out', async () => {
    const limits = { ...newHandshakeLimits(), slots: new HandoverSlots({ ...FEW, waitMs: 60_000 }) }
    const silent = await serverAgainst(limits)
    silent.peer.preamble().send('HELLO', HELLO)
    await silent.peer.find(FrameKind.OFFER)
    const { peer, outcome } = await serverAgainst(limits, {}, SHORT_MS)
    peer.preamble().send('HELLO', HELLO)
    expect(await outcome).toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(limits.slots.load).toEqual({ held: 1, waiting: 0 })
    silent.peer.socket.destroy()
    await silent.outcome
    expect(limits.slots.load).toEqual({ held: 0, waiting: 0 })
    await waitFor(() => expect(limits.halfOpen.count).toBe(0))
  })
})
