import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { decodeNext, encodeMessage, type Transfer } from '../../../../src/gateway/tunnel/tunnel-message.js'
import type { SessionBounds } from '../../../../src/gateway/tunnel/tunnel-session.js'
import { bytesAt, TunnelPair } from '../../../support/tunnel-wire.js'
import { turn, turns } from '../../../support/turns.js'

const BOUNDS: SessionBounds = { bufferBytes: 128 * 1024, windowBytes: 96 * 1024, resumeMs: 60_000 }
const side = fc.constantFrom(0 as const, 1 as const)
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), side, bytes: fc.nat(100_000) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), side, bytes: fc.nat(20) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('deliver' as const), side, count: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cut' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pause' as const), side }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('resume' as const), side }) },
)

/** Both sides write, read and pause, while the connection delivers, delays and breaks. */
class Run {
  readonly pair = new TunnelPair(BOUNDS)
  readonly written = [0, 0]
  readonly received = [0, 0]
  readonly ended = [false, false]
  highestBytes = 0

  constructor() {
    for (const [index, stream] of this.pair.streams.entries()) {
      stream.on('data', (chunk: Buffer) => {
        const at = this.received[index] as number
        if (!chunk.equals(bytesAt(at, chunk.length)))
          throw new Error(`side ${index} got other bytes at ${at}`)
        this.received[index] = at + chunk.length
      })
      stream.on('end', () => {
        this.ended[index] = true
      })
    }
  }

  write(index: 0 | 1, bytes: number): void {
    const at = this.written[index] as number
    this.pair.streams[index].write(bytesAt(at, bytes))
    this.written[index] = at + bytes
  }

  check(): void {
    for (const { session } of this.pair.streams)
      this.highestBytes = Math.max(this.highestBytes, session.unacknowledgedBytes)
  }

  async finish(): Promise<void> {
    for (const stream of this.pair.streams) stream.end().resume()
    await this.pair.settle()
    expect(this.received).toEqual(this.written.toReversed())
    expect(this.ended).toEqual([true, true])
    expect(this.highestBytes).toBeLessThanOrEqual(BOUNDS.bufferBytes)
    expect(this.pair.streams.map(({ errored }) => errored)).toEqual([null, null])
  }
}

describe('a session', () => {
  it('delivers every byte once and in order over connections that delay and break', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const run = new Run()
        const { pair } = run
        for (const one of actions) {
          if (one.kind === 'write') run.write(one.side, one.bytes)
          else if (one.kind === 'pause') pair.streams[one.side].pause()
          else if (one.kind === 'resume') pair.streams[one.side].resume()
          else if (one.kind === 'deliver') {
            for (let count = 0; count < one.count; count += 1) pair.wire[one.side].deliver()
          } else {
            pair.cut()
            pair.connect()
          }
          await turn()
          run.check()
        }
        await run.finish()
      }),
      { numRuns: 150 },
    )
  })

  it('sends the writes of one turn in one message', async () => {
    const { streams, wire } = new TunnelPair(BOUNDS)
    for (let count = 0; count < 100; count += 1) streams[0].write('x')
    await turns(2)
    expect(wire[0].queue.length).toBe(1)
    expect(transferOf(wire[0].queue[0]).data.length).toBe(100)
  })

  it('sends no byte beyond the credit of the peer, and continues when the peer has read', async () => {
    const pair = new TunnelPair(BOUNDS)
    pair.streams[1].pause()
    pair.streams[0].write(bytesAt(0, 200_000))
    await pair.settle()
    expect(pair.streams[0].session.unacknowledgedBytes).toBeLessThanOrEqual(BOUNDS.bufferBytes)
    const chunks: Buffer[] = []
    pair.streams[1].on('data', (chunk: Buffer) => chunks.push(chunk)).resume()
    await pair.settle()
    expect(Buffer.concat(chunks).equals(bytesAt(0, 200_000))).toBe(true)
  })

  it('delivers all bytes that it has taken when it closes while the peer does not read', async () => {
    const pair = new TunnelPair({ ...BOUNDS, bufferBytes: 1024 * 1024 })
    pair.capacity = 1_000
    pair.connect()
    pair.streams[1].pause()
    const { session } = pair.streams[0]
    const taken = session.write(bytesAt(0, 200_000))
    expect([taken, session.write(bytesAt(0, 1))]).toEqual([BOUNDS.windowBytes, 0])
    session.close()
    await pair.settle()
    const chunks: Buffer[] = []
    pair.streams[1].on('data', (chunk: Buffer) => chunks.push(chunk)).resume()
    await turns(5)
    expect(Buffer.concat(chunks).equals(bytesAt(0, taken))).toBe(true)
  })

  it('ends with PEER_GONE after resumeMs without a connection, and not before', async () => {
    const pair = new TunnelPair({ ...BOUNDS, resumeMs: 40 })
    const ends = pair.streams.map((stream) => new Promise<Error>((resolve) => stream.once('error', resolve)))
    pair.cut()
    expect(pair.streams.map(({ session }) => session.isClosed)).toEqual([false, false])
    for (const stream of pair.streams) stream.resume()
    for (const error of await Promise.all(ends))
      expect(error).toMatchObject({ code: ErrorCode.PEER_GONE, message: expect.stringContaining('40 ms') })
  })

  it('needs no connection any more when both directions have ended', async () => {
    const pair = new TunnelPair({ ...BOUNDS, resumeMs: 0 })
    for (const stream of pair.streams) stream.end('last').resume()
    // The bytes with their ends, then the acknowledgements.
    for (let count = 0; count < 2; count += 1) {
      await turns(2)
      for (const end of pair.wire) end.deliver()
    }
    pair.cut()
    await turns(5)
    expect(pair.streams.map(({ errored, destroyed }) => [errored, destroyed])).toEqual([
      [null, true],
      [null, true],
    ])
  })

  const transfer: Transfer = {
    kind: 'transfer',
    position: 0,
    data: Buffer.alloc(0),
    end: false,
    received: 0,
    limit: 96 * 1024,
  }
  it.each<[string, readonly Partial<Transfer>[]]>([
    ['an acknowledgement of bytes that were not sent', [{ received: 11 }]],
    ['an acknowledgement that takes back an older one', [{ received: 10 }, { received: 9 }]],
    ['a limit that is lower than before', [{ limit: 100_000 }, { limit: 99_999 }]],
    ['bytes that leave a gap', [{ position: 1, data: Buffer.from('x') }]],
    ['bytes that it has sent before', [{ data: Buffer.from('x') }, { data: Buffer.from('x') }]],
    [
      'more bytes than its credit',
      [0, 1].map((index) => ({ position: index * 65_536, data: Buffer.alloc(65_536) })),
    ],
    ['bytes after its end', [{ end: true }, { position: 1, data: Buffer.from('x') }]],
    ['a second end', [{ end: true }, { position: 1, end: true }]],
  ])('ends with CORRUPT after %s', async (_what, messages) => {
    const { streams, wire } = new TunnelPair(BOUNDS)
    streams[0].pause()
    streams[0].write('0123456789')
    await turns(2)
    for (const message of messages) wire[0].events.message(encodeMessage({ ...transfer, ...message }))
    expect(streams[0].session.isClosed).toBe(true)
    streams[0].resume()
    await turns(3)
    expect(streams[0].errored).toMatchObject({ code: ErrorCode.CORRUPT })
    // The peer gets the reason.
    expect(decodeNext(wire[0].queue.at(-1) as Buffer)).toMatchObject({ error: { code: ErrorCode.CORRUPT } })
  })

  it.each([
    ['garbage', Buffer.from([0xff, 0xff, 0xff])],
    [
      'a Start',
      encodeMessage({
        kind: 'start',
        session: Buffer.alloc(16),
        name: 'a',
        resume: false,
        bootId: '',
        received: 0,
        limit: 0,
      }),
    ],
  ])('ends with CORRUPT after %s', async (_what, message) => {
    const { streams, wire } = new TunnelPair(BOUNDS)
    wire[0].events.message(message)
    await turns(3)
    expect(streams[0].errored).toMatchObject({ code: ErrorCode.CORRUPT })
  })

  it('needs little memory for many messages of one byte that are not read', () => {
    const { streams, wire } = new TunnelPair(BOUNDS)
    streams[0].pause()
    const before = process.memoryUsage().heapUsed
    for (let position = 0; position < 90_000; position += 1)
      wire[0].events.message(encodeMessage({ ...transfer, position, data: Buffer.from('x') }))
    expect(streams[0].session.isClosed).toBe(false)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024)
  })
})

function transferOf(message: Buffer | undefined): Transfer {
  return decodeNext(message as Buffer) as Transfer
}
