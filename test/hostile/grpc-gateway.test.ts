import { connect } from 'node:http2'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { GrpcGatewayOptions } from '../../src/gateway/grpc/gateway-options.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { type Message, openGateway, type UserClient } from '../support/grpc-gateways.js'
import {
  callFields,
  Flag,
  Frame,
  frame,
  headerBlock,
  messagePrefix,
  openCall,
  RawHttp2Client,
  setting,
  uint32,
} from '../support/http2-frames.js'
import { waitFor } from '../support/wait-for.js'

const KIB = 1024
const MIB = 1024 * KIB
const GET_USER = '/user.UserService/GetUser'
const UPLOAD = '/user.UserService/Upload'
const STREAM_USERS = '/user.UserService/StreamUsers'
const SETTINGS_INITIAL_WINDOW_SIZE = 4
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11
const REFUSED_STREAM = 7

interface Attacked {
  readonly port: number
  readonly client: UserClient
  /** The number of calls that the service has seen. */
  readonly seen: () => number
  /** Rejects unless another client gets its answers. */
  readonly expectServed: () => Promise<void>
}

async function attacked(options: Partial<GrpcGatewayOptions> = {}): Promise<Attacked> {
  let seen = 0
  const { gateway, client } = await openGateway(
    {
      getUser({ id }: Message) {
        seen += 1
        return { user: { id } }
      },
      async *streamUsers(): AsyncGenerator<Message> {
        for (;;) {
          seen += 1
          yield { avatar: new Uint8Array(64 * KIB) }
        }
      },
      async upload(users: AsyncIterable<Message>) {
        let age = 0
        for await (const { avatar } of users) age += avatar.length
        return { user: { age } }
      },
    },
    options,
  )
  const expectServed = async (): Promise<void> => {
    for (let id = 0n; id < 20n; id += 1n) {
      const { response, status } = await client.unary('GetUser', { id })
      expect(status.code).toBe(Code.OK)
      expect(response.user.id).toBe(id)
    }
  }
  await expectServed()
  return { port: gateway.port, client, seen: () => seen, expectServed }
}

/** The growth of this process, which contains the gateway, during the attack. */
async function growthBytes(attack: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage()
  let most = 0
  const timer = setInterval(() => {
    const { rss } = process.memoryUsage()
    most = Math.max(most, rss - before.rss)
  }, 10)
  await attack()
  clearInterval(timer)
  return Math.max(most, process.memoryUsage().rss - before.rss)
}

const GROWTH_MAX = 150 * MIB

describe('a gateway of gRPC with a hostile client', () => {
  it('ends a connection with endless headers', async () => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    raw.send(frame(Frame.HEADERS, Flag.NONE, 1, headerBlock(callFields(GET_USER))))
    const more = headerBlock([['x-more', 'x'.repeat(1_000)]])
    const growth = await growthBytes(() =>
      raw.flood(100_000, () => frame(Frame.CONTINUATION, Flag.NONE, 1, more)),
    )
    await raw.closed
    expect(growth).toBeLessThan(GROWTH_MAX)
    await expectServed()
  })

  it('refuses a call with headers over the limit, and serves the next one', async () => {
    const { port, expectServed } = await attacked({ maxHeaderBytes: 4 * KIB })
    const raw = await RawHttp2Client.open(port)
    const fields = callFields(GET_USER, ['x-long', 'x'.repeat(5 * KIB)])
    raw.send(frame(Frame.HEADERS, Flag.END_HEADERS, 1, headerBlock(fields)))
    await waitFor(() => expect(raw.of(Frame.RST_STREAM)[0]?.payload).toEqual(uint32(ENHANCE_YOUR_CALM)))
    raw.send(openCall(3, GET_USER), frame(Frame.DATA, Flag.END_STREAM, 3, messagePrefix(0)))
    await waitFor(() => expect(raw.of(Frame.DATA).map(({ stream }) => stream)).toEqual([3]))
    await expectServed()
  })

  it('ends a connection with more and more streams', async () => {
    const { port, seen, expectServed } = await attacked({ maxStreams: 50 })
    const before = seen()
    const raw = await RawHttp2Client.open(port)
    const growth = await growthBytes(() => raw.flood(20_000, (index) => openCall(1 + 2 * index, GET_USER)))
    await raw.closed
    expect(raw.of(Frame.RST_STREAM).some(({ payload }) => payload.equals(uint32(REFUSED_STREAM)))).toBe(true)
    expect(growth).toBeLessThan(GROWTH_MAX)
    expect(seen()).toBe(before)
    await expectServed()
  })

  it('ends a connection that opens and cancels streams rapidly', async () => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    const growth = await growthBytes(() =>
      raw.flood(50_000, (index) =>
        Buffer.concat([
          openCall(1 + 2 * index, GET_USER),
          frame(Frame.RST_STREAM, Flag.NONE, 1 + 2 * index, uint32(CANCEL)),
        ]),
      ),
    )
    await raw.closed
    expect(growth).toBeLessThan(GROWTH_MAX)
    await expectServed()
  })

  it.each([
    ['NO_ERROR', 0],
    ['CANCEL', CANCEL],
  ])('ends a connection that cancels running calls rapidly with %s', async (_name, code) => {
    const begun: CallContext[] = []
    const { gateway } = await openGateway({
      getUser(_request: Message, context: CallContext) {
        begun.push(context)
        return new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error))
        })
      },
    })
    const raw = await RawHttp2Client.open(gateway.port)
    for (let calls = 0; calls < 2_000 && !raw.isClosed; calls += 1) {
      const stream = 1 + 2 * calls
      raw.send(openCall(stream, GET_USER), frame(Frame.DATA, Flag.END_STREAM, stream, messagePrefix(0)))
      while (begun.length <= calls && !raw.isClosed) await nextTurn()
      raw.send(frame(Frame.RST_STREAM, Flag.NONE, stream, uint32(code)))
    }
    await raw.closed
    expect(begun.length).toBeGreaterThan(500)
  })

  it('ends a connection that sends headers over the limit again and again', async () => {
    const { port, expectServed } = await attacked({ maxHeaderBytes: 4 * KIB })
    const raw = await RawHttp2Client.open(port)
    const block = headerBlock(callFields(GET_USER, ['x-long', 'x'.repeat(5 * KIB)]))
    await raw.flood(5_000, (index) => frame(Frame.HEADERS, Flag.END_HEADERS, 1 + 2 * index, block))
    await raw.closed
    await expectServed()
  })

  it('ends calls that are sent and cancelled rapidly in the service too', async () => {
    const { port, seen, expectServed } = await attacked()
    const before = seen()
    const raw = await RawHttp2Client.open(port)
    await raw.flood(5_000, (index) => {
      const stream = 1 + 2 * index
      return Buffer.concat([
        openCall(stream, GET_USER),
        frame(Frame.DATA, Flag.END_STREAM, stream, messagePrefix(0)),
        frame(Frame.RST_STREAM, Flag.NONE, stream, uint32(CANCEL)),
      ])
    })
    await raw.closed
    expect(seen() - before).toBeLessThan(2_000)
    await expectServed()
  })

  it.each([
    ['PING', frame(Frame.PING, Flag.NONE, 0, Buffer.alloc(8))],
    ['SETTINGS', frame(Frame.SETTINGS, Flag.NONE, 0)],
    ['PRIORITY', frame(Frame.PRIORITY, Flag.NONE, 1, Buffer.from([0, 0, 0, 3, 1]))],
    ['unknown frames', frame(200, Flag.NONE, 0, Buffer.alloc(100))],
  ])('serves others during a flood of %s whose answers are not read', async (_what, one) => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    raw.socket.pause()
    const many = Buffer.concat(Array.from({ length: 100 }, () => one))
    const growth = await growthBytes(async () => {
      const flooding = raw.flood(2_000, () => many)
      await expectServed()
      raw.socket.destroy()
      await flooding
    })
    expect(growth).toBeLessThan(GROWTH_MAX)
    await expectServed()
  })

  it('ends a connection with empty frames of data', async () => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    raw.send(openCall(1, UPLOAD))
    await raw.flood(100_000, () => frame(Frame.DATA, Flag.NONE, 1))
    await raw.closed
    await expectServed()
  })

  it('holds little for a client whose window is closed', async () => {
    const { port, seen, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port, setting(SETTINGS_INITIAL_WINDOW_SIZE, 0))
    const streams = 50
    const before = seen()
    const growth = await growthBytes(async () => {
      for (let index = 0; index < streams; index += 1)
        raw.send(
          openCall(1 + 2 * index, STREAM_USERS),
          frame(Frame.DATA, Flag.END_STREAM, 1 + 2 * index, messagePrefix(0)),
        )
      await waitFor(() => expect(seen()).toBeGreaterThan(before + streams))
      await sleep(1_000)
    })
    expect(seen() - before).toBeLessThan(streams * 12)
    expect(growth).toBeLessThan(GROWTH_MAX)
    await expectServed()
  })

  it('ends a connection whose window overflows', async () => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    raw.send(frame(Frame.WINDOW_UPDATE, Flag.NONE, 0, uint32(2 ** 31 - 1)))
    await raw.closed
    await expectServed()
  })

  it('refuses a message whose announced length is over the limit', async () => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    raw.send(openCall(1, UPLOAD), frame(Frame.DATA, Flag.NONE, 1, messagePrefix(2 ** 32 - 1)))
    // The client has not ended its stream: the answer ends it.
    await waitFor(() => expect(raw.of(Frame.RST_STREAM).map(({ payload }) => payload)).toEqual([uint32(0)]))
    expect(raw.of(Frame.HEADERS)).toHaveLength(1)
    await expectServed()
  })

  it('holds little for messages that are announced and do not follow', async () => {
    const { port, expectServed } = await attacked()
    const growth = await growthBytes(async () => {
      for (let connection = 0; connection < 10; connection += 1) {
        const raw = await RawHttp2Client.open(port)
        for (let index = 0; index < 100; index += 1)
          raw.send(
            openCall(1 + 2 * index, UPLOAD),
            frame(
              Frame.DATA,
              Flag.NONE,
              1 + 2 * index,
              Buffer.concat([messagePrefix(4 * MIB - 1), Buffer.of(1)]),
            ),
          )
      }
      await expectServed()
    })
    expect(growth).toBeLessThan(GROWTH_MAX)
  })

  it('refuses a message that decompresses to more than the limit', async () => {
    const { port, expectServed } = await attacked()
    const raw = await RawHttp2Client.open(port)
    const bomb = gzipSync(Buffer.alloc(200 * MIB))
    const message = Buffer.concat([messagePrefix(bomb.length, 1), bomb])
    const growth = await growthBytes(async () => {
      raw.send(
        frame(Frame.HEADERS, Flag.END_HEADERS, 1, headerBlock(callFields(UPLOAD, ['grpc-encoding', 'gzip']))),
      )
      for (let offset = 0; offset < message.length; offset += 16 * KIB) {
        raw.send(frame(Frame.DATA, Flag.NONE, 1, message.subarray(offset, offset + 16 * KIB)))
        await sleep(2)
      }
      await waitFor(() => expect(raw.of(Frame.HEADERS)).toHaveLength(1))
    })
    expect(growth).toBeLessThan(GROWTH_MAX)
    await expectServed()
  })

  it('leaves half of its connections to other hosts', async () => {
    const { port, expectServed } = await attacked({ maxConnections: 6 })
    const raws = Array.from({ length: 20 }, () => new RawHttp2Client(port, '127.0.0.2'))
    await waitFor(() => expect(raws.filter(({ isClosed }) => isClosed).length).toBe(17))
    await expectServed()
  })

  it('closes a connection that does not begin', async () => {
    const { port, expectServed } = await attacked()
    const raw = new RawHttp2Client(port)
    await raw.closed
    await expectServed()
  })

  it('closes a connection that does not answer pings', async () => {
    const { port } = await attacked({ keepAlive: { intervalMs: 100, timeoutMs: 200 } })
    const raw = await RawHttp2Client.open(port)
    await raw.closed
    expect(raw.of(Frame.PING).length).toBe(1)
  })

  it('closes a connection without calls, also if the client keeps its side', async () => {
    const { port } = await attacked({ maxConnectionIdleMs: 1_000 })
    const raw = await RawHttp2Client.open(port)
    await waitFor(() => expect(raw.of(Frame.GOAWAY)).not.toEqual([]), { timeout: 5_000 })
    await raw.closed
  })

  it.each([
    [415, { 'content-type': 'application/grpc-web' }],
    [415, {}],
    [405, { ':method': 'GET' }],
  ])('answers %d to a request that is not a call: %o', async (status, headers) => {
    const { port, expectServed } = await attacked()
    const session = connect(`http://127.0.0.1:${port}`)
    const request = session.request({ ':path': GET_USER, ':method': 'POST', ...headers })
    const answered = await new Promise((resolve) => {
      request.on('response', (received) => resolve(received[':status']))
    })
    expect(answered).toBe(status)
    session.destroy()
    await expectServed()
  })

  it('answers a call with a malformed timeout, and one that ends within a message', async () => {
    const { port, client } = await attacked()
    const raw = await RawHttp2Client.open(port)
    raw.send(
      frame(Frame.HEADERS, Flag.END_HEADERS, 1, headerBlock(callFields(GET_USER, ['grpc-timeout', 'soon']))),
      openCall(3, GET_USER),
      frame(Frame.DATA, Flag.END_STREAM, 3, Buffer.of(0, 0)),
      openCall(5, GET_USER, Flag.END_STREAM),
    )
    await waitFor(() =>
      expect(new Set(raw.of(Frame.HEADERS).map(({ stream }) => stream))).toEqual(new Set([1, 3, 5])),
    )
    expect((await client.unary('GetUser', {})).status.code).toBe(Code.OK)
  })

  it('serves several clients during an attack by many', async () => {
    const { port, client } = await attacked({ maxConnections: 100 })
    const raws = await Promise.all(Array.from({ length: 20 }, () => RawHttp2Client.open(port)))
    const attacks = raws.map((raw, who) =>
      raw.flood(3_000, (index) => {
        const stream = 1 + 2 * index
        return who % 2 === 0
          ? Buffer.concat([
              openCall(stream, GET_USER),
              frame(Frame.RST_STREAM, Flag.NONE, stream, uint32(CANCEL)),
            ])
          : openCall(stream, GET_USER)
      }),
    )
    const calls = await Promise.all(Array.from({ length: 100 }, () => client.unary('GetUser', {})))
    expect(calls.map(({ status }) => status.code)).toEqual(Array.from({ length: 100 }, () => Code.OK))
    await Promise.all(attacks)
    expect((await client.unary('GetUser', {})).status.code).toBe(Code.OK)
  })
})
