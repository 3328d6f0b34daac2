import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newHandshakeLimits } from '../../../src/control/handshake.js'
import { handshakeAsClient } from '../../../src/control/handshake-client.js'
import { handshakeAsServer } from '../../../src/control/handshake-server.js'
import { ErrorCode } from '../../../src/errors.js'
import type { NativeLoad } from '../../../src/native/load-binding.js'
import { type ChannelOptions, resolveOptions } from '../../../src/options.js'
import type { Agreement } from '../../../src/wire/agreement.js'
import { encodeFrame, recordBound } from '../../../src/wire/frames.js'
import { FakeBinding, FakeHandoverSocket, type FakeStep, nativeError } from '../../support/fake-binding.js'
import { HIDES_CLIENTS, IS_WINDOWS } from '../../support/not-on-windows.js'
import { socketPair } from '../../support/socket-pair.js'
import { waitFor } from '../../support/wait-for.js'

const HANDOVER_PATH = '/handover'
const NO_ADDON: NativeLoad = { unavailable: 'there is no addon' }

let clientNative: FakeBinding
let serverNative: FakeBinding
let handoverSocket: FakeHandoverSocket

beforeEach(() => {
  clientNative = new FakeBinding()
  serverNative = new FakeBinding()
  handoverSocket = new FakeHandoverSocket(serverNative, HANDOVER_PATH)
})

afterEach(() => handoverSocket.close())

interface Side extends ChannelOptions {
  native?: NativeLoad
  codecName?: string
  handoverSocket?: undefined
}

function clientOptions({ native, codecName, ...options }: Side = {}) {
  return {
    settings: resolveOptions(options),
    codecName: codecName ?? 'msgpack',
    native: native ?? { binding: clientNative.binding },
    transport: 'unix' as const,
    handoverPath: HANDOVER_PATH,
  }
}

function serverOptions({ native, codecName, ...options }: Side = {}) {
  const own = 'handoverSocket' in options ? undefined : handoverSocket
  delete options.handoverSocket
  return {
    settings: resolveOptions(options),
    codecName: codecName ?? 'msgpack',
    native: native ?? { binding: serverNative.binding },
    transport: 'unix' as const,
    handoverSocket: own,
    limits: newHandshakeLimits(),
  }
}

type Outcome = Agreement | (Error & { code: string })

async function shake(clientSide?: Side, serverSide?: Side): Promise<{ client: Outcome; server: Outcome }> {
  const sockets = await socketPair()
  const [client, server] = await Promise.all([
    handshakeAsClient(sockets.client, clientOptions(clientSide)).catch((error: Outcome) => error),
    handshakeAsServer(sockets.server, serverOptions(serverSide)).catch((error: Outcome) => error),
  ])
  return { client, server: server as Outcome }
}

/** Checks that no endpoint, handover socket or socket holds a resource. */
async function expectAllGivenBack(...sockets: Socket[]): Promise<void> {
  expect([clientNative.endpointsOpen, serverNative.endpointsOpen]).toEqual([0, 0])
  expect([handoverSocket.expected.size, handoverSocket.arrived.size]).toEqual([0, 0])
  for (const socket of sockets) await waitFor(() => expect(socket.destroyed).toBe(true))
}

describe('a handshake', () => {
  it.skipIf(HIDES_CLIENTS)('agrees on shared memory when both sides have it', async () => {
    const { client, server } = await shake(
      { maxMessageBytes: 5000, ringBytes: 65_536 },
      { maxMessageBytes: 7000 },
    )
    for (const side of [client, server]) {
      expect(side).toMatchObject({ transport: 'shm', fallbackReason: undefined, maxMessageBytes: 5000 })
      expect(side).toMatchObject({ endpoint: expect.anything(), peer: { pid: 4711, verified: true } })
    }
    // Each side accepts descriptors only from the process of its control socket.
    expect(clientNative.senders).toEqual([clientNative.credentials])
    expect(serverNative.senders).toEqual([serverNative.credentials])
    const [clientSegment, serverSegment] = [...clientNative.endpointOptions, ...serverNative.endpointOptions]
    expect(clientSegment).toMatchObject({ ringBytes: 65_536, maxMessageBytes: 5000, recordsMax: 1024 })
    expect(serverSegment).toMatchObject({ ringBytes: 1 << 20, maxMessageBytes: 5000, recordsMax: 1024 })
    const token = serverSegment?.memoryId?.map((byte) => ~byte)
    expect([token?.length, clientSegment?.memoryId]).toEqual([16, IS_WINDOWS ? token : undefined])
    expect([handoverSocket.expected.size, handoverSocket.arrived.size]).toEqual([0, 0])
  })

  it('leaves the sockets paused, with only a listener for errors', async () => {
    const { client, server } = (await shake()) as { client: Agreement; server: Agreement }
    for (const { socket } of [client, server]) {
      expect(socket.isPaused()).toBe(true)
      expect(socket.listenerCount('data')).toBe(0)
      expect(socket.listenerCount('close')).toBe(0)
      expect(socket.listenerCount('error')).toBe(1)
      socket.destroy(new Error('late'))
    }
  })

  it.each<[string, Side, Side, string]>([
    [
      'the client has no addon',
      { native: NO_ADDON },
      {},
      'the client has no shared memory: there is no addon',
    ],
    [
      'the server has no addon',
      {},
      { native: NO_ADDON },
      'the server has no shared memory: there is no addon',
    ],
    ['no handover socket exists', {}, { handoverSocket: undefined }, 'the server has no handover socket'],
    [
      'the client wants the socket',
      { transport: 'socket' },
      {},
      "the client has the option transport: 'socket'",
    ],
    [
      'the server requires the socket',
      {},
      { transport: 'socket' },
      "the server has the option transport: 'socket'",
    ],
  ])(
    'agrees on the socket when %s, with the reason on both sides',
    async (_what, clientSide, serverSide, reason) => {
      const { client, server } = await shake(clientSide, serverSide)
      for (const side of [client, server]) {
        expect(side).toMatchObject({ transport: 'unix', endpoint: undefined })
        expect(side).toHaveProperty('fallbackReason', expect.stringContaining(reason))
      }
      await expectAllGivenBack()
    },
  )

  const steps: [string, 'client' | 'server', FakeStep][] = [
    ["the client's segment", 'client', 'create'],
    ["the server's segment", 'server', 'create'],
    ['the token', 'server', 'expect'],
    ['the handover', 'client', 'offer'],
    ["mapping the client's segment", 'server', 'accept'],
    ["mapping the server's segment", 'client', 'attach'],
  ]

  it.each(steps)(
    'changes to the socket when %s fails, with the reason, and releases its memory',
    async (_what, side, step) => {
      const native = side === 'client' ? clientNative : serverNative
      native.failures.set(step, nativeError(ErrorCode.OUT_OF_MEMORY, 'no space left'))
      const { client, server } = await shake()
      for (const agreed of [client, server]) {
        expect(agreed).toMatchObject({
          transport: 'unix',
          fallbackReason: expect.stringContaining('no space left'),
        })
      }
      await expectAllGivenBack()
    },
  )

  it.each(steps)(
    "fails on both sides when %s fails and the client's transport is 'shm'",
    async (_what, side, step) => {
      const native = side === 'client' ? clientNative : serverNative
      native.failures.set(step, nativeError(ErrorCode.OUT_OF_MEMORY, 'no space left'))
      const { client, server } = await shake({ transport: 'shm' })
      for (const error of [client, server]) {
        expect(error).toMatchObject({
          code: ErrorCode.OUT_OF_MEMORY,
          message: expect.stringContaining('no space left'),
        })
      }
      await expectAllGivenBack()
    },
  )

  it.each(steps)(
    "fails on both sides when %s fails and the server's transport is 'shm'",
    async (_what, side, step) => {
      const native = side === 'client' ? clientNative : serverNative
      native.failures.set(step, nativeError(ErrorCode.OUT_OF_MEMORY, 'no space left'))
      const { client, server } = await shake({}, { transport: 'shm' })
      for (const error of [client, server]) expect(error).toMatchObject({ code: ErrorCode.OUT_OF_MEMORY })
      await expectAllGivenBack()
    },
  )

  it.each(steps)('does not fall back when %s fails as CORRUPT', async (_what, side, step) => {
    const native = side === 'client' ? clientNative : serverNative
    native.failures.set(step, nativeError(ErrorCode.CORRUPT, 'the seals are missing'))
    const { client, server } = await shake()
    for (const error of [client, server]) expect(error).toMatchObject({ code: ErrorCode.CORRUPT })
    await expectAllGivenBack()
  })

  it('reports an exception without a code of shmwire as UNAVAILABLE', async () => {
    clientNative.failures.set('create', new TypeError('a defect'))
    const { client } = await shake({ transport: 'shm' })
    expect(client).toMatchObject({ code: ErrorCode.UNAVAILABLE, cause: expect.any(TypeError) })
  })

  it('drains a full handover socket as often as necessary', async () => {
    clientNative.handoverFull = 7
    const { client, server } = await shake()
    expect([client, server]).toMatchObject([{ transport: 'shm' }, { transport: 'shm' }])
    expect(serverNative.drains).toBe(7)
  })

  it.each([
    [20, undefined],
    [1_000_000, 'read 200 times'],
  ])('reads the handover socket again while %d datagrams of others come first', async (count, reason) => {
    serverNative.datagramsBefore = count
    const { client, server } = await shake()
    const fallbackReason = reason && expect.stringContaining(reason)
    for (const side of [client, server]) expect(side).toMatchObject({ fallbackReason })
  })

  it('changes to the socket when the handover socket stays full', async () => {
    clientNative.handoverFull = 1_000_000
    const { client, server } = await shake()
    for (const side of [client, server]) {
      expect(side).toMatchObject({
        transport: 'unix',
        fallbackReason: expect.stringContaining('full 100 times'),
      })
    }
    await expectAllGivenBack()
  })

  it.each<[string, Side, Side, string, string]>([
    [
      'other codecs',
      { codecName: 'json' },
      {},
      ErrorCode.INVALID_ARGUMENT,
      '"json", the server\'s "msgpack"',
    ],
    [
      'shm to socket',
      { transport: 'shm' },
      { transport: 'socket' },
      ErrorCode.INVALID_ARGUMENT,
      'asks for transport shm',
    ],
    [
      'socket to shm',
      { transport: 'socket' },
      { transport: 'shm' },
      ErrorCode.INVALID_ARGUMENT,
      'the server for shm',
    ],
    ['shm without an addon', { transport: 'shm', native: NO_ADDON }, {}, ErrorCode.UNAVAILABLE, 'no addon'],
    ['shm to no addon', { transport: 'shm' }, { native: NO_ADDON }, ErrorCode.UNAVAILABLE, 'no addon'],
    ['no addon to shm', { native: NO_ADDON }, { transport: 'shm' }, ErrorCode.UNAVAILABLE, 'no addon'],
    ['a refused client', {}, { authorize: () => false }, ErrorCode.DENIED, 'authorize did not return true'],
    ['a refused server', { authorize: () => false }, {}, ErrorCode.DENIED, 'authorize did not return true'],
    [
      'an async authorize',
      {},
      { authorize: (async () => true) as never },
      ErrorCode.DENIED,
      'authorize returned a promise for',
    ],
    [
      'an authorize that throws',
      {},
      { authorize: () => JSON.parse('{') },
      ErrorCode.DENIED,
      'authorize threw',
    ],
  ])('fails with the same code on both sides: %s', async (_what, clientSide, serverSide, code, text) => {
    const { client, server } = await shake(clientSide, serverSide)
    expect(client).toMatchObject({ code, message: expect.stringContaining(text) })
    expect(server).toMatchObject({ code, message: expect.stringContaining(text) })
    await expectAllGivenBack()
  })

  it.skipIf(HIDES_CLIENTS)('denies another user on either side, unless authorize accepts it', async () => {
    const stranger = { pid: 7, uid: (process.geteuid?.() ?? 0) + 1, gid: 0 }
    serverNative.credentials = stranger
    expect(await shake()).toMatchObject({
      client: { code: ErrorCode.DENIED },
      server: { code: ErrorCode.DENIED },
    })
    const authorize = vi.fn(() => true)
    expect(await shake({}, { authorize })).toMatchObject({
      server: { transport: 'shm', peer: { ...stranger, verified: true } },
    })
    expect(authorize).toHaveBeenCalledWith({ ...stranger, verified: true })
    serverNative.credentials = clientNative.credentials
    clientNative.credentials = stranger
    expect(await shake()).toMatchObject({
      client: { code: ErrorCode.DENIED },
      server: { code: ErrorCode.DENIED },
    })
  })

  it.skipIf(HIDES_CLIENTS)('denies a peer that the kernel does not identify', async () => {
    serverNative.failures.set('credentials', nativeError(ErrorCode.UNAVAILABLE, 'getsockopt'))
    expect(await shake()).toMatchObject({ server: { code: ErrorCode.DENIED } })
  })

  it('reports the peer from its own message, unverified, without the addon', async () => {
    const { client, server } = await shake({ native: NO_ADDON }, { native: NO_ADDON })
    const peer = { pid: process.pid, uid: undefined, gid: undefined, verified: false }
    expect([client, server]).toMatchObject([{ peer }, { peer }])
  })

  it.each(['shm', 'unix'])(
    'passes records that arrived with the last frame to the link: %s',
    async (transport) => {
      const sockets = await socketPair()
      const native = transport === 'shm' ? undefined : NO_ADDON
      const server = handshakeAsServer(sockets.server, serverOptions(native && { native }))
      const client = handshakeAsClient(sockets.client, clientOptions(native && { native })).then(
        (agreement) => {
          agreement.socket.write(encodeFrame(1, 5, Buffer.from('early')))
          agreement.socket.end(encodeFrame(2, 6, Buffer.from('bird')))
        },
      )
      await client
      const { parser, socket } = await server
      parser.bound = recordBound(100)
      const records: string[] = []
      socket.on('data', (chunk) => parser.push(chunk)).resume()
      await new Promise((resolve) => socket.once('end', resolve))
      parser.parse((_kind, _id, payload) => records.push(payload.toString()) > 0)
      expect(records).toEqual(['early', 'bird'])
    },
  )

  it('ends at an abort at any time, and releases all resources', async () => {
    for (let turns = 0; turns < 8; turns += 1) {
      const sockets = await socketPair()
      const controller = new AbortController()
      const server = handshakeAsServer(sockets.server, serverOptions()).catch((error: Outcome) => error)
      const client = handshakeAsClient(sockets.client, {
        ...clientOptions(),
        signal: controller.signal,
      }).catch((error: Outcome) => error)
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      controller.abort(new Error('enough'))
      const outcome = await client
      if ('socket' in outcome) {
        outcome.endpoint?.close()
        outcome.socket.destroy()
      } else {
        expect(outcome).toMatchObject({ code: ErrorCode.ABORTED, cause: { message: 'enough' } })
      }
      const other = await server
      if ('endpoint' in other) other.endpoint?.close()
      await expectAllGivenBack(sockets.client)
    }
  })

  it.each(['server', 'client'] as const)(
    'starts no further step on the %s when its authorize aborts the handshake',
    async (side) => {
      const sockets = await socketPair()
      const controller = new AbortController()
      const { signal } = controller
      // `abort` returns undefined, so this accepts the peer.
      const authorize = (): boolean => controller.abort() === undefined
      const server = side === 'server' ? { ...serverOptions({ authorize }), signal } : serverOptions()
      const client = side === 'client' ? { ...clientOptions({ authorize }), signal } : clientOptions()
      const [atServer, atClient] = await Promise.all([
        handshakeAsServer(sockets.server, server).catch((error: Outcome) => error),
        handshakeAsClient(sockets.client, client).catch((error: Outcome) => error),
      ])
      const [own, other] = side === 'server' ? [atServer, atClient] : [atClient, atServer]
      expect([own, other]).toMatchObject([{ code: ErrorCode.ABORTED }, { code: ErrorCode.PEER_GONE }])
      // In a later task, after any step that wrongly continued.
      await new Promise((resolve) => setImmediate(resolve))
      expect(server.limits.slots.load).toEqual({ held: 0, waiting: 0 })
      expect([clientNative.endpointsOpen, clientNative.senders]).toEqual([0, []])
      if (side === 'server') expect(serverNative.senders).toEqual([])
      await expectAllGivenBack(sockets.server, sockets.client)
    },
  )

  it('closes the socket when the signal was aborted before', async () => {
    const { client } = await socketPair()
    const options = { ...clientOptions(), signal: AbortSignal.abort() }
    await expect(handshakeAsClient(client, options)).rejects.toMatchObject({ code: ErrorCode.ABORTED })
    await expectAllGivenBack(client)
  })
})
