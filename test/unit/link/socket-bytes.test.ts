import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { newLinkStats } from '../../../src/link/link.js'
import { readIntoShared } from '../../../src/link/socket/shared-reads.js'
import { SocketWriter } from '../../../src/link/socket/socket-writer.js'
import { NO_CHUNK, releaseChunk, takeChunk } from '../../../src/link/socket/write-chunks.js'
import { encodeFrame } from '../../../src/wire/frames.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { endOver, hideDescriptor, type SocketEnd } from '../../support/socket-ends.js'
import { socketPair } from '../../support/socket-pair.js'
import { eventually, turn, turns } from '../../support/turns.js'

const CAPACITY_BYTES = 256 * 1024
const BOUNDS = { maxMessageBytes: 4 * 1024 * 1024, capacityBytes: CAPACITY_BYTES }
const INLINE_BYTES_MAX = 64 * 1024

async function join(hidden: boolean): Promise<[SocketEnd, SocketEnd]> {
  const { client, server } = await socketPair()
  if (hidden) for (const socket of [client, server]) hideDescriptor(socket)
  return [endOver(client, BOUNDS), endOver(server, BOUNDS)]
}

/** Sends the payload in as many parts as the link demands. Its memory changes after each part. */
async function send({ link, sink }: SocketEnd, payload: Buffer): Promise<void> {
  let offset = 0
  do {
    const { drains } = sink
    const end = link.write(RecordKind.MESSAGE, 0, payload, offset)
    payload.fill(0xee, offset, Math.max(offset, end))
    offset = Math.max(offset, end)
    if (end < payload.length) await eventually(() => sink.drains > drains)
  } while (offset < payload.length)
}

function numbered(number: number, bytes: number): Buffer {
  const payload = Buffer.alloc(bytes, number)
  payload.writeUInt32LE(number)
  return payload
}

const LENGTHS = [64, 1_000_000, 4, 17_000, 65_536, 65_537, 300_000, 12, 16_384, 3_000_000, 40_000, 100]

it.each([
  { hidden: false, referenced: true },
  { hidden: false, referenced: false },
  { hidden: true, referenced: true },
])(
  'carries records of all lengths, whose memory the sender changes at once (%o)',
  async ({ hidden, referenced }) => {
    const [left, right] = await join(hidden)
    if (!referenced) left.link.unref()
    for (const [number, bytes] of LENGTHS.entries()) {
      await send(left, numbered(number, bytes))
      if (number % 3 === 0) await turn()
    }
    await eventually(() => right.sink.payloads.length === LENGTHS.length)
    for (const [number, payload] of right.sink.payloads.entries())
      expect(payload.equals(numbered(number, LENGTHS[number] as number))).toBe(true)
  },
)

it.each([20, 1_000, 20_000])(
  'refuses records of %i bytes when its bytes wait, and loses none',
  async (bytes) => {
    const [left, right] = await join(false)
    right.sink.wants = false
    let accepted = 0
    for (; ; accepted += 1) {
      const payload = numbered(accepted, bytes)
      if (left.link.write(RecordKind.MESSAGE, 0, payload, 0) < 0) {
        await turns(3)
        if (left.link.write(RecordKind.MESSAGE, 0, payload, 0) < 0) break
      }
      payload.fill(0xee)
      if (accepted % 50 === 0) await turn()
      expect(left.link.stats().depthBytes).toBeLessThanOrEqual(CAPACITY_BYTES + INLINE_BYTES_MAX)
    }
    const { drains } = left.sink
    right.sink.wants = true
    right.link.resume()
    await eventually(() => right.sink.payloads.length === accepted && left.sink.drains > drains)
    for (const [number, payload] of right.sink.payloads.entries())
      expect(payload.equals(numbered(number, bytes))).toBe(true)
  },
)

it.each([
  { hidden: false, referenced: true },
  { hidden: false, referenced: false },
  { hidden: true, referenced: true },
])('passes owned payloads to the stream without a copy, between other records (%o)', async (ways) => {
  const [left, right] = await join(ways.hidden)
  if (!ways.referenced) left.link.unref()
  const memories = new Set<ArrayBufferLike>()
  const { socket } = left
  const writev = socket._writev?.bind(socket)
  const write = socket._write.bind(socket)
  socket._write = (bytes: Buffer, encoding, done) => {
    memories.add(bytes.buffer)
    write(bytes, encoding, done)
  }
  socket._writev = (parts, done) => {
    for (const { chunk } of parts) memories.add((chunk as Buffer).buffer)
    writev?.(parts, done)
  }
  const lengths = [10, 3_000_000, 20, 16_384, 1_000_000, 40_000]
  for (const [number, bytes] of lengths.entries()) {
    const payload = numbered(number, bytes)
    // A caller that owns a copy offers its own memory first.
    let offset = 0
    while (offset === 0) {
      offset = Math.max(0, left.link.write(RecordKind.MESSAGE, 0, payload, 0))
      if (offset === 0) await eventually(() => left.link.stats().depthBytes < CAPACITY_BYTES)
    }
    if (offset === bytes) continue
    const copy = Buffer.from(payload)
    payload.fill(0xee)
    expect(left.link.write(RecordKind.MESSAGE, 0, copy, offset, true)).toBe(bytes)
    let isFlushed = false
    left.link.afterFlush(() => {
      isFlushed = true
    })
    await eventually(() => isFlushed)
    // Unreferenced, the descriptor gets the bytes without the stream.
    if (ways.referenced) expect(memories.has(copy.buffer)).toBe(true)
    copy.fill(0xdd)
  }
  await eventually(() => right.sink.payloads.length === lengths.length)
  for (const [number, payload] of right.sink.payloads.entries())
    expect(payload.equals(numbered(number, lengths[number] as number))).toBe(true)
})

it('does not pass owned memory to a socket that is destroyed', async () => {
  const [left] = await join(false)
  const payload = Buffer.alloc(3_000_000)
  const offset = left.link.write(RecordKind.MESSAGE, 0, payload, 0)
  expect(offset).toBeGreaterThan(0)
  left.socket.destroy()
  const { writableLength } = left.socket
  left.link.write(RecordKind.MESSAGE, 0, payload, offset, true)
  expect(left.socket.writableLength).toBe(writableLength)
  await eventually(() => left.sink.ends.length > 0)
  expect(left.sink.ends).toEqual(['ERR_SHMWIRE_PEER_GONE'])
})

it.each([10, 40_000, 3_000_000])(
  'never reports %i owned bytes as flushed that an unreferenced link has lost',
  async (bytes) => {
    const [left, right] = await join(false)
    left.link.unref()
    right.socket.destroy()
    let flushes = 0
    const onFlush = (): void => {
      flushes += 1
    }
    left.link.write(RecordKind.MESSAGE, 0, numbered(1, bytes), 0, true)
    left.link.afterFlush(onFlush)
    await turn()
    left.link.afterFlush(onFlush)
    await eventually(() => left.sink.ends.length > 0)
    expect(left.sink.ends).toEqual(['ERR_SHMWIRE_PEER_GONE'])
    expect(flushes).toBe(0)
  },
)

it('never reports the rest of an owned payload as flushed after the socket was destroyed', async () => {
  const [left] = await join(false)
  const payload = numbered(1, 3_000_000)
  const offset = left.link.write(RecordKind.MESSAGE, 0, payload, 0)
  // The kernel has all of the first part.
  await eventually(() => left.link.stats().depthBytes === 0)
  await turns(3)
  left.socket.destroy()
  let isFlushed = false
  left.link.write(RecordKind.MESSAGE, 0, payload, offset, true)
  left.link.afterFlush(() => {
    isFlushed = true
  })
  await eventually(() => left.sink.ends.length > 0)
  expect(isFlushed).toBe(false)
})

it('ends instead of writing a record into one whose rest was not written', async () => {
  const [left, right] = await join(false)
  expect(left.link.write(RecordKind.MESSAGE, 0, numbered(1, 3_000_000), 0)).toBeLessThan(3_000_000)
  await eventually(() => left.link.stats().depthBytes === 0)
  expect(left.link.write(RecordKind.MESSAGE, 0, Buffer.alloc(2_900_000), 0)).toBe(-1)
  await eventually(() => left.sink.ends.length > 0 && right.sink.ends.length > 0)
  expect([left.sink.ends, right.sink.ends]).toEqual([['ERR_SHMWIRE_PEER_GONE'], ['ERR_SHMWIRE_PEER_GONE']])
  expect(right.sink.payloads).toEqual([])
})

it('runs afterFlush when the kernel has the bytes, in the order of the calls', async () => {
  const [left, right] = await join(false)
  const flushed: number[] = []
  right.sink.wants = false
  for (let number = 0; number < 20; number += 1) {
    await Promise.race([send(left, numbered(number, 30_000)), turns(3)])
    left.link.afterFlush(() => flushed.push(number))
  }
  right.sink.wants = true
  right.link.resume()
  await eventually(() => flushed.length === 20)
  expect(flushed).toEqual(Array.from({ length: 20 }, (_, number) => number))
})

it('delivers the last records and PEER_GONE when the peer ends while bytes wait', async () => {
  const [left, right] = await join(false)
  right.sink.wants = false
  left.link.write(RecordKind.MESSAGE, 0, numbered(1, 100), 0)
  await turns(3)
  for (let number = 0; right.link.write(RecordKind.MESSAGE, 0, numbered(number, 20_000), 0) >= 0; )
    number += 1
  left.link.destroy()
  await eventually(() => right.sink.ends.length > 0)
  expect(right.sink.ends).toEqual(['ERR_SHMWIRE_PEER_GONE'])
  expect(right.sink.payloads.map((payload) => payload.length)).toEqual([100])
})

it('delivers once what the stream of the socket has read before the link starts', async () => {
  const { client, server } = await socketPair()
  client.write(encodeFrame(RecordKind.MESSAGE, 0, numbered(1, 100)))
  server.read(0)
  await eventually(() => server.readableLength > 0)
  const { sink } = endOver(server, BOUNDS)
  client.write(encodeFrame(RecordKind.MESSAGE, 0, numbered(2, 50)))
  await eventually(() => sink.payloads.length === 2)
  await turns(3)
  expect(sink.payloads).toEqual([numbered(1, 100), numbered(2, 50)])
})

it('keeps small received records in small memory', async () => {
  const [left, right] = await join(false)
  const kept: Buffer[] = []
  for (let number = 0; number < 50; number += 1) {
    for (let count = 0; count < 100; count += 1) await send(left, numbered(number, 64))
    await eventually(() => right.sink.payloads.length === 100)
    kept.push(right.sink.payloads[0] as Buffer)
    right.sink.payloads.length = 0
  }
  const memories = new Set(kept.map((payload) => payload.buffer))
  const bytes = [...memories].reduce((sum, memory) => sum + memory.byteLength, 0)
  expect(bytes).toBeLessThanOrEqual(kept.length * 8 * 1024)
  for (const [number, payload] of kept.entries()) expect(payload.equals(numbered(number, 64))).toBe(true)
})

it('reads into shared memory on both sides of a connection, but not without a descriptor', async () => {
  const { client, server } = await socketPair()
  const reads: string[] = []
  for (const socket of [client, server])
    expect(readIntoShared(socket, (bytes) => reads.push(bytes.toString()))).toBe(true)
  client.resume()
  server.resume()
  client.write('to the server')
  await eventually(() => reads.length === 1)
  server.write('to the client')
  await eventually(() => reads.length === 2)
  expect(reads).toEqual(['to the server', 'to the client'])
  const other = await socketPair()
  hideDescriptor(other.client)
  expect(readIntoShared(other.client, () => {})).toBe(false)
})

/** Every byte changes on its way, as a subclass of a socket could do it. */
function scramble(socket: Socket): void {
  const write = socket._write.bind(socket)
  const push = socket.push.bind(socket)
  const scrambled = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte) => byte ^ 0x55))
  socket._write = (bytes: Buffer, encoding, done) => write(scrambled(bytes), encoding, done)
  socket._writev = (parts, done) =>
    write(scrambled(Buffer.concat(parts.map(({ chunk }) => chunk as Buffer))), 'utf8', done)
  socket.push = (bytes: Buffer | null) => push(bytes === null ? null : scrambled(bytes))
}

it('passes all bytes through the methods of the socket if they are not those of its class', async () => {
  const { client, server } = await socketPair()
  scramble(client)
  const raw: number[] = []
  const left = endOver(client, BOUNDS)
  server.on('data', (bytes) => raw.push(...bytes))
  server.resume()
  const frame = encodeFrame(RecordKind.MESSAGE, 0, numbered(1, 20_000))
  await send(left, numbered(1, 20_000))
  await eventually(() => raw.length === frame.length)
  const unscrambled = Buffer.from(raw.map((byte) => byte ^ 0x55))
  expect(unscrambled.equals(frame)).toBe(true)
  server.write(frame.map((byte) => byte ^ 0x55))
  await eventually(() => left.sink.payloads.length === 1)
  expect(left.sink.payloads[0]?.equals(numbered(1, 20_000))).toBe(true)
  left.link.destroy()
})

it("writes through the stream while the program's timeout watches it", async () => {
  const { client, server } = await socketPair()
  const left = endOver(client, BOUNDS)
  server.resume()
  await send(left, numbered(1, 100))
  await turn()
  expect(client.bytesWritten).toBe(0)
  client.setTimeout(1_000_000)
  await send(left, numbered(2, 100))
  await send(left, numbered(3, 50_000))
  await turn()
  expect(client.bytesWritten).toBe(100 + 50_000 + 2 * 12)
})

it('keeps a bounded number of free chunks', () => {
  const chunks = Array.from({ length: 64 }, takeChunk)
  expect(new Set(chunks).size).toBe(64)
  for (const chunk of chunks) releaseChunk(chunk)
  const kept = Array.from({ length: 64 }, takeChunk).filter((chunk) => chunks.includes(chunk))
  expect(kept).toHaveLength(16)
  releaseChunk(NO_CHUNK)
  expect(takeChunk().bytes.length).toBe(64 * 1024)
})

it('takes no part of an owned payload twice when a stream that is not a socket has no room', async () => {
  const stream = new Duplex({ read: () => {}, write: () => {} })
  const events = { onRoom: () => {}, onBroken: () => {} }
  const writer = new SocketWriter(stream, CAPACITY_BYTES, newLinkStats(), events)
  const payload = Buffer.alloc(3_000_000)
  const offset = writer.write(RecordKind.MESSAGE, 0, payload, 0)
  expect(offset).toBeGreaterThan(0)
  expect(offset).toBeLessThan(payload.length)
  expect(writer.write(RecordKind.MESSAGE, 0, payload, offset, true)).toBe(-1)
  writer.close()
  stream.destroy()
})
