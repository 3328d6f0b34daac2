// The segment that a client creates while it waits for OFFER.
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SLOT_BOUNDS } from '../../../src/control/handshake.js'
import { handshakeAsClient } from '../../../src/control/handshake-client.js'
import { ErrorCode } from '../../../src/errors.js'
import { type ChannelOptions, resolveOptions } from '../../../src/options.js'
import { encodeControlFrame, FrameKind } from '../../../src/wire/frames.js'
import { encodePreamble } from '../../../src/wire/preamble.js'
import { FakeBinding, FakeHandoverSocket, nativeError } from '../../support/fake-binding.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { socketPair } from '../../support/socket-pair.js'
import { waitFor } from '../../support/wait-for.js'

const OFFER = {
  features: [],
  codec: 'msgpack',
  maxMessageBytes: 1 << 20,
  ringBytes: 1 << 20,
  pid: 4711,
  connectionId: '0'.repeat(16),
}
const TOKEN = 'ab'.repeat(16)

let native: FakeBinding
let handoverSocket: FakeHandoverSocket

beforeEach(() => {
  native = new FakeBinding()
  handoverSocket = new FakeHandoverSocket(native, '/handover')
  handoverSocket.expected.add(TOKEN)
})

afterEach(() => handoverSocket.close())

async function clientOf(options: ChannelOptions = {}, prepare: (client: Socket) => void = () => {}) {
  const { client, server } = await socketPair()
  prepare(client)
  const outcome = handshakeAsClient(client, {
    settings: resolveOptions({ maxMessageBytes: 1 << 20, ...options }),
    codecName: 'msgpack',
    native: { binding: native.binding },
    transport: 'unix',
    handoverPath: '/handover',
  }).catch((error: unknown) => error)
  return { server, outcome }
}

function answer(server: Socket, offer: object, ...kinds: number[]): void {
  const frames = [
    encodeControlFrame(FrameKind.OFFER, { ...OFFER, ...offer }),
    ...kinds.map((kind) => encodeControlFrame(kind, {})),
  ]
  server.write(Buffer.concat([encodePreamble(), ...frames]))
}

// On Windows, OFFER has the name of the memory.
describe.skipIf(IS_WINDOWS)('the early segment of a client', () => {
  it('is created before OFFER, and is the one that the server gets', async () => {
    const { server, outcome } = await clientOf()
    await waitFor(() => expect(native.endpointsOpen).toBe(1))
    answer(server, { transport: 'shm', token: TOKEN })
    await waitFor(() => expect(handoverSocket.arrived.has(TOKEN)).toBe(true))
    expect(native.endpointOptions).toMatchObject([{ maxMessageBytes: 1 << 20, ringBytes: 1 << 20 }])
    server.destroy()
    await outcome
    expect(native.endpointsOpen).toBe(0)
  })

  it('is replaced when the server allows shorter messages only', async () => {
    const { server, outcome } = await clientOf()
    await waitFor(() => expect(native.endpointsOpen).toBe(1))
    answer(server, { transport: 'shm', token: TOKEN, maxMessageBytes: 5000 })
    await waitFor(() => expect(handoverSocket.arrived.has(TOKEN)).toBe(true))
    expect(native.endpointOptions).toMatchObject([{ maxMessageBytes: 1 << 20 }, { maxMessageBytes: 5000 }])
    expect(native.endpointsOpen).toBe(1)
    server.destroy()
    await outcome
    expect(native.endpointsOpen).toBe(0)
  })

  it('is closed when the server offers the socket', async () => {
    const { server, outcome } = await clientOf()
    await waitFor(() => expect(native.endpointsOpen).toBe(1))
    answer(server, { transport: 'socket', reason: 'none' })
    expect(await outcome).toMatchObject({ transport: 'unix', fallbackReason: 'none' })
    expect(native.endpointsOpen).toBe(0)
  })

  it.each([
    [
      'refuses the client',
      encodeControlFrame(FrameKind.REJECT, { code: 'DENIED', message: 'no' }),
      ErrorCode.DENIED,
    ],
    ['sends a wrong frame', encodeControlFrame(FrameKind.HANDLES, {}), ErrorCode.CORRUPT],
    ['ends', Buffer.alloc(0), ErrorCode.PEER_GONE],
  ])('is closed when the server %s', async (_how, frame, code) => {
    const { server, outcome } = await clientOf()
    await waitFor(() => expect(native.endpointsOpen).toBe(1))
    server.end(Buffer.concat([encodePreamble(), frame]))
    expect(await outcome).toMatchObject({ code })
    expect(native.endpointsOpen).toBe(0)
  })

  it('fails without effect when the server offers the socket', async () => {
    native.failures.set('create', nativeError(ErrorCode.OUT_OF_MEMORY, 'no memory'))
    const { server, outcome } = await clientOf()
    answer(server, { transport: 'socket', reason: 'none' })
    expect(await outcome).toMatchObject({ transport: 'unix', fallbackReason: 'none' })
  })

  it('does not exist without shared memory', async () => {
    const { server, outcome } = await clientOf({ transport: 'socket' })
    answer(server, { transport: 'socket', reason: 'none' })
    await outcome
    expect(native.endpointOptions).toEqual([])
  })

  it('is not created when OFFER is there first', async () => {
    const written: (() => void)[] = []
    const { server, outcome } = await clientOf({}, (client) => {
      const write: (bytes: Buffer) => boolean = client.write.bind(client)
      client.write = ((bytes: Buffer, done?: () => void) => {
        if (done !== undefined) written.push(done)
        return write(bytes)
      }) as typeof client.write
    })
    await waitFor(() => expect(written.length).toBe(1))
    answer(server, { transport: 'shm', token: TOKEN })
    await waitFor(() => expect(handoverSocket.arrived.has(TOKEN)).toBe(true))
    for (const done of written) done()
    expect(native.endpointOptions.length).toBe(1)
    server.destroy()
    await outcome
    expect(native.endpointsOpen).toBe(0)
  })

  it('exists for as many handshakes as a server serves at a time', async () => {
    const clients = await Promise.all(Array.from({ length: SLOT_BOUNDS.slotsPerOwner + 3 }, () => clientOf()))
    await waitFor(() => expect(native.endpointsOpen).toBe(SLOT_BOUNDS.slotsPerOwner))
    // A later one has none, and creates its segment after OFFER.
    const last = await clientOf()
    answer(last.server, { transport: 'shm', token: TOKEN })
    await waitFor(() => expect(handoverSocket.arrived.has(TOKEN)).toBe(true))
    expect(native.endpointOptions.at(-1)).toMatchObject({ memoryId: Buffer.from(TOKEN, 'hex') })
    for (const { server } of [...clients, last]) server.destroy()
    await Promise.all([...clients, last].map(({ outcome }) => outcome))
    expect(native.endpointsOpen).toBe(0)
    // Those that failed have left their places.
    const next = await clientOf()
    await waitFor(() => expect(native.endpointsOpen).toBe(1))
    next.server.destroy()
    await next.outcome
  })
})
