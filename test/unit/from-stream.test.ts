import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { createConnection, Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { createGunzip, createGzip } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { ErrorCode } from '../../src/errors.js'
import { fromStream, type StreamHalves } from '../../src/from-stream.js'
import { listen, type Server } from '../../src/listen.js'
import { sharedCertificate } from '../support/certificates.js'
import { duplexPair } from '../support/duplex-pair.js'
import { recordingLogger } from '../support/line-logger.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { joinTcpSockets } from '../support/stream-pairs.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const authorize = () => true
const open: (Channel | Server)[] = []

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await ('destroy' in one ? one.destroy() : one.close())
})

async function keep(creating: Promise<Channel>): Promise<Channel> {
  const channel = await creating
  open.push(channel)
  return channel
}

function endOf(channel: Channel): Promise<unknown> {
  return new Promise((resolve) => channel.once('close', resolve))
}

describe('fromStream with a Duplex', () => {
  it('carries messages and requests over any stream, and closes in order', async () => {
    for (const streams of [duplexPair(), await joinTcpSockets()]) {
      const [left, right] = await Promise.all(streams.map((stream) => keep(fromStream(stream))))
      right?.handle((message) => message)
      expect(await left?.request([1, 'two'])).toEqual([1, 'two'])
      expect(left).toMatchObject({ transport: 'stream', peer: { verified: false, pid: undefined } })
      await left?.close()
    }
  })

  it('has the same id in the logs of both sides', async () => {
    const loggers = [recordingLogger(), recordingLogger()]
    const streams = duplexPair()
    await Promise.all(
      streams.map((stream, side) => keep(fromStream(stream, { logger: loggers[side]?.logger }))),
    )
    const ids = loggers.map(({ lines }) => lines[0]?.fields['connectionId'])
    expect(ids).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), ids[0]])
  })

  it('refuses another codec on both sides', async () => {
    const [left, right] = duplexPair()
    const outcomes = await Promise.allSettled([fromStream(left, { codec: 'json' }), fromStream(right)])
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: ErrorCode.INVALID_ARGUMENT } },
      { status: 'rejected', reason: { code: ErrorCode.INVALID_ARGUMENT } },
    ])
  })

  it('applies the smaller maxMessageBytes, and asks authorize', async () => {
    const [left, right] = duplexPair()
    const [small, large] = await Promise.all([
      keep(fromStream(left, { maxMessageBytes: 1_000 })),
      keep(fromStream(right, { authorize })),
    ])
    expect([small.maxMessageBytes, large.maxMessageBytes]).toEqual([1_000, 1_000])
    const [near, far] = duplexPair()
    const refused = fromStream(near, { authorize: () => false })
    const other = fromStream(far)
    await expect(refused).rejects.toMatchObject({ code: ErrorCode.DENIED })
    await expect(other).rejects.toMatchObject({ code: ErrorCode.DENIED })
  })

  it('ends with PEER_GONE when the stream ends, and times out without an answer', async () => {
    const [left, right] = duplexPair()
    const channel = (await Promise.all([keep(fromStream(left)), keep(fromStream(right))]))[0]
    const end = endOf(channel)
    right.destroy()
    expect(await end).toMatchObject({ code: ErrorCode.PEER_GONE })
    const [silent] = duplexPair()
    await expect(fromStream(silent, { timeoutMs: 10 })).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(silent.destroyed).toBe(true)
  })

  it('ends with the error that destroyed the stream as its cause', async () => {
    const streams = [duplexPair(), await joinTcpSockets()] as const
    for (const [left, right] of streams) {
      const channel = (await Promise.all([keep(fromStream(left)), keep(fromStream(right))]))[0]
      const end = endOf(channel)
      const cause = new Error('mid')
      left.destroy(cause)
      expect(await end).toMatchObject({
        code: ErrorCode.PEER_GONE,
        message: 'the peer is gone: the stream closed without a close of the channel (mid)',
        cause,
      })
    }
  })

  it.each(['readable', 'writable'] as const)(
    'ends with the error that destroyed its %s as its cause',
    async (half) => {
      const [[near, far], [to, from]] = [duplexPair(), duplexPair()]
      const halves = { readable: near, writable: to }
      const both = [fromStream(halves), fromStream({ readable: from, writable: far })]
      const [channel] = (await Promise.all(both.map(keep))) as [Channel]
      const end = endOf(channel)
      const cause = new Error('mid')
      halves[half].destroy(cause)
      channel.trySend('a write finds it out')
      expect(await end).toMatchObject({ code: ErrorCode.PEER_GONE, cause })
    },
  )

  it('rejects what is not a connected stream of bytes', async () => {
    const ended = new PassThrough()
    ended.destroy()
    const text = new PassThrough()
    text.setEncoding('utf8')
    const objects = new PassThrough({ objectMode: true })
    for (const stream of [null, 'x', {}, { readable: 1 }, ended, text, objects, new Socket()])
      await expect(fromStream(stream as unknown as StreamHalves)).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
  })
})

describe('fromStream in one direction', () => {
  async function oneWay(options = {}): Promise<[Channel, Channel]> {
    const pipe = new PassThrough()
    return Promise.all([
      keep(fromStream({ writable: pipe }, options)),
      keep(fromStream({ readable: pipe }, options)),
    ])
  }

  it('carries messages, and closes in order', async () => {
    const [writer, reader] = await oneWay()
    const seen: unknown[] = []
    const ends = [endOf(writer), endOf(reader)]
    for (let index = 0; index < 1_000; index += 1) await writer.send({ index })
    const closed = writer.close()
    for await (const { index } of reader) seen.push(index)
    await closed
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
    expect(await Promise.all(ends)).toEqual([undefined, undefined])
  })

  it('delivers through a Transform everything that was sent before close', async () => {
    const [packed, unpacked] = [createGzip(), createGunzip()]
    packed.pipe(unpacked)
    const writer = await keep(fromStream({ writable: packed }))
    writer.trySend('one')
    await writer.close()
    const reader = await keep(fromStream({ readable: unpacked }))
    const seen: unknown[] = []
    for await (const message of reader) seen.push(message)
    expect(seen).toEqual(['one'])
  })

  it('leaves a half that has ended, whose other direction is still in use', async () => {
    const [input, output] = [duplexPair(), new PassThrough()]
    const reader = keep(fromStream({ readable: input[0], writable: output }))
    const writer = await keep(fromStream({ readable: output, writable: input[1] }))
    const closed = endOf(await reader)
    await writer.close()
    expect(await closed).toBeUndefined()
    const late = once(input[1], 'data')
    input[0].write('late')
    expect(String(await late)).toBe('late')
  })

  it('destroys a socket that it has ended, unless the program reads it', async () => {
    for (const isRead of [false, true]) {
      const [near, far] = await joinTcpSockets()
      if (isRead) near.on('data', () => {})
      const writer = await keep(fromStream({ writable: near }))
      await writer.close()
      expect(near.destroyed).toBe(!isRead)
      far.destroy()
    }
  })

  it('closes both sides in order over one PassThrough after end()', async () => {
    const [writer, reader] = await oneWay()
    const end = endOf(reader)
    writer.trySend(1)
    writer.end()
    for await (const message of reader) expect(message).toBe(1)
    await writer.close()
    expect(await end).toBeUndefined()
  })

  it('closes a reader whose writer has closed without an end of the stream', async () => {
    const [from, to] = [new PassThrough(), new PassThrough()]
    from.pipe(to, { end: false })
    const writer = await keep(fromStream({ writable: from }))
    const reader = await keep(fromStream({ readable: to }))
    const end = endOf(reader)
    await writer.close()
    expect(await end).toBeUndefined()
    expect(to.destroyed).toBe(true)
  })

  it('ends a side with the error that destroyed its stream as its cause', async () => {
    for (const half of ['writable', 'readable']) {
      const pipes = [new PassThrough(), new PassThrough()] as const
      pipes[0].pipe(pipes[1])
      const writer = await keep(fromStream({ writable: pipes[0] }))
      const reader = await keep(fromStream({ readable: pipes[1] }))
      const end = endOf(half === 'writable' ? writer : reader)
      const cause = new Error('mid')
      pipes[half === 'writable' ? 0 : 1].destroy(cause)
      expect(await end).toMatchObject({ code: ErrorCode.PEER_GONE, cause })
    }
  })

  it('stops the writer while the reader does not read', async () => {
    const [writer, reader] = await oneWay({ codec: 'bytes', ringBytes: 65_536 })
    let count = 0
    while (writer.trySend(Buffer.alloc(1_000))) count += 1
    expect(count).toBeLessThan(1_000)
    const drained = once(writer, 'drain')
    reader.on('message', () => {})
    await drained
  })

  it('refuses requests on both sides, and messages of the reader', async () => {
    const [writer, reader] = await oneWay({ codec: 'bytes' })
    const refused = { code: ErrorCode.INVALID_STATE }
    for (const channel of [writer, reader])
      await expect(channel.request(Buffer.alloc(1))).rejects.toMatchObject(refused)
    await expect(reader.send(Buffer.alloc(1))).rejects.toMatchObject(refused)
    expect(() => reader.trySend(Buffer.alloc(1))).toThrow(expect.objectContaining(refused) as Error)
    expect(() => reader.claim(1)).toThrow(expect.objectContaining(refused) as Error)
  })

  // Windows: there are no FIFOs in directories.
  it.skipIf(IS_WINDOWS)(
    'ends the writer with PEER_GONE when the reader closes, and the reader when the writer is destroyed',
    async () => {
      const path = join(temporaryDirectory(), 'fifo')
      execFileSync('mkfifo', [path])
      const joinFifo = (): Promise<Channel[]> =>
        Promise.all([
          keep(fromStream({ writable: createWriteStream(path) })),
          keep(fromStream({ readable: createReadStream(path) })),
        ])
      const [writer, reader] = (await joinFifo()) as [Channel, Channel]
      await writer.send('over a FIFO')
      for await (const message of reader) {
        expect(message).toBe('over a FIFO')
        break
      }
      const end = endOf(writer)
      await reader.close()
      const send = async (): Promise<void> => {
        for (;;) await writer.send('x')
      }
      await expect(send()).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(await end).toMatchObject({ code: ErrorCode.PEER_GONE })

      const [second, last] = (await joinFifo()) as [Channel, Channel]
      const gone = endOf(last)
      second.destroy()
      expect(await gone).toMatchObject({ code: ErrorCode.PEER_GONE })
    },
  )

  it('checks the codec and maxMessageBytes of the writer', async () => {
    for (const [mine, theirs] of [
      [{ codec: 'json' }, {}],
      [{ maxMessageBytes: 2_000 }, { maxMessageBytes: 1_000 }],
    ] as const) {
      const pipe = new PassThrough()
      await keep(fromStream({ writable: pipe }, mine))
      await expect(fromStream({ readable: pipe }, theirs)).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
    }
  })
})

describe('connect with a socket', () => {
  async function serve(address: string, options = {}): Promise<Server> {
    const server = await listen(address, options)
    open.push(server)
    server.on('channel', (channel) => channel.handle((message) => message))
    return server
  }

  // Windows: there is no openssl for the certificate.
  it.skipIf(IS_WINDOWS)('uses connected sockets of node:net and node:tls', async () => {
    const tcp = await serve('tcp://127.0.0.1:0', { authorize })
    const plain = createConnection(Number(tcp.address.split(':').at(-1)), '127.0.0.1')
    await once(plain, 'connect')
    await expect(connect({ socket: plain })).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    const channel = await keep(connect({ socket: plain }, { authorize }))
    expect(channel.transport).toBe('tcp')
    expect(await channel.request(1)).toBe(1)

    const tls = await serve('tls://127.0.0.1:0', { tls: sharedCertificate() })
    const secure = connectTls({
      ...sharedCertificate(),
      host: '127.0.0.1',
      port: Number(tls.address.split(':').at(-1)),
    })
    await once(secure, 'secureConnect')
    const verified = await keep(connect({ socket: secure }))
    expect(verified).toMatchObject({ transport: 'tls', peer: { verified: true } })
    expect(await verified.request(2)).toBe(2)
  })

  // Windows: there are no Unix sockets.
  it.skipIf(IS_WINDOWS)('identifies the peer of a Unix socket, without shared memory', async () => {
    const path = join(temporaryDirectory(), 's')
    await serve(`unix:${path}`)
    const socket = createConnection(path)
    await expect(connect({ socket })).rejects.toMatchObject({
      message: expect.stringContaining('is still connecting') as string,
    })
    await once(socket, 'connect')
    const channel = await keep(connect({ socket }))
    expect(channel).toMatchObject({ transport: 'unix', peer: { verified: true, pid: process.pid } })
    expect(channel.fallbackReason).toContain('the socket was passed to connect')
  })

  it('refuses a socket that is not connected, has ended, or delivers text', async () => {
    const [ended] = await joinTcpSockets()
    ended.destroy()
    const [text, far] = await joinTcpSockets()
    text.setEncoding('utf8')
    for (const [socket, message] of [
      [new Socket(), 'is not connected'],
      [ended, 'has ended'],
      [text, 'has an encoding'],
    ])
      await expect(connect({ socket } as never, { authorize })).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining(message as string) as string,
      })
    for (const socket of [text, far]) socket.destroy()
  })

  it('requires authorize for a TCP socket that its peer has reset', async () => {
    const [near, far] = await joinTcpSockets()
    // As the kernel reports it.
    Object.defineProperty(near, 'remoteAddress', { value: undefined })
    await expect(connect({ socket: near as Socket })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining('the peer of a TCP socket') as string,
    })
    for (const socket of [near, far]) socket.destroy()
  })

  it('refuses other values', async () => {
    for (const socket of [undefined, null, {}, new PassThrough()])
      await expect(connect({ socket } as never)).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })
})
