import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Channel } from '../../../src/channel/channel.js'
import type { Claim } from '../../../src/channel/claims.js'
import { bytesCodec } from '../../../src/codec/bytes.js'
import { ErrorCode } from '../../../src/errors.js'
import { fillByStream, STREAMS_RESPECT_THE_MARK } from '../../support/byte-stream.js'
import { collectGarbage } from '../../support/garbage.js'
import { joinShmLinks } from '../../support/link-pairs.js'
import { eventually, turns } from '../../support/turns.js'

const MIB = 1024 * 1024

async function join(views: boolean): Promise<[Channel, Channel]> {
  const links = await joinShmLinks({ ringBytes: 64 * 1024, maxMessageBytes: MIB, views })
  return links.map(
    (link) => new Channel({ link, codec: bytesCodec, maxDecodedBytes: MIB, maxMessageBytes: MIB }),
  ) as [Channel, Channel]
}

function segmentMappings(): number {
  const maps = readFileSync('/proc/self/maps', 'latin1').split('\n')
  return maps.filter((line) => line.includes('/memfd:shmwire')).length
}

async function expectMappings(count: number): Promise<void> {
  await eventually(() => {
    collectGarbage()
    return segmentMappings() === count
  })
}

/** A claim that a stream has filled, on a channel that has ended when this resolves. */
async function claimByStream(): Promise<Uint8Array> {
  const [left, right] = await join(false)
  const received: Buffer[] = []
  right.on('message', (message: Buffer) => received.push(message))
  const claim = left.claim(1000) as Claim
  const filled = await fillByStream(claim.bytes, 7)
  expect(claim.bytes.length).toBe(0)
  claim.commit()
  // The next one uses other memory, and arrives too.
  const next = left.claim(10) as Claim
  next.bytes.fill(8)
  next.commit(9)
  expect(left.trySend(Buffer.from('end'))).toBe(true)
  await eventually(() => received.length === 3)
  expect(received).toEqual([Buffer.alloc(1000, 7), Buffer.alloc(9, 8), Buffer.from('end')])
  await Promise.all([left.close(), right.close()])
  return filled
}

describe('the memory of a claim', () => {
  it('keeps its bytes after a stream has taken it, for as long as it is referenced', async () => {
    const before = segmentMappings()
    let filled: Uint8Array | undefined = await claimByStream()
    await expectMappings(before + 1)
    expect(Buffer.from(filled)).toEqual(Buffer.alloc(1000, 7))
    filled = undefined
    await expectMappings(before)
  })

  it('is released with its channel when it is not referenced', async () => {
    const before = segmentMappings()
    for (let count = 0; count < 3; count += 1) await claimByStream()
    await expectMappings(before)
  })

  it('cannot be transferred by a message to another thread', async () => {
    const [left, right] = await join(false)
    const claim = left.claim(1000) as Claim
    claim.bytes.fill(1)
    // Node 20 copies such memory; later versions refuse.
    try {
      structuredClone(claim.bytes, { transfer: [claim.bytes.buffer as ArrayBuffer] })
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' })
    }
    expect(claim.bytes.length).toBe(1000)
    claim.abort()
    await Promise.all([left.close(), right.close()])
  })
})

describe('the memory of views', () => {
  it('is read by copying after a stream has taken it, and no message is lost', async () => {
    const [left, right] = await join(true)
    const received: Buffer[] = []
    let taken: Promise<Uint8Array> | undefined
    right.on('message', (message: Buffer) => {
      received.push(Buffer.from(message))
      // Writing to it would end the process: the stream transfers the memory and waits for data.
      taken ??= new ReadableStream({ type: 'bytes' })
        .getReader({ mode: 'byob' })
        .read(message)
        .then((result) => result.value as Uint8Array)
    })
    const sent = Array.from({ length: 200 }, (_, index) =>
      Buffer.alloc(index % 7 === 6 ? 0 : 1 + index * 5, index),
    )
    // Together, so that the first batch has many records, and then one by one.
    for (const message of sent.slice(0, 20)) expect(left.trySend(message)).toBe(true)
    for (const message of sent.slice(20)) await left.send(message)
    await eventually(() => received.length === sent.length)
    expect(received).toEqual(sent)
    expect(taken).toBeDefined()
    await Promise.all([left.close(), right.close()])
  })
})

/** Node 20 copies such memory; later versions refuse. */
function tryToTransfer(message: Buffer): void {
  try {
    structuredClone(message, { transfer: [message.buffer as ArrayBuffer] })
  } catch (error) {
    expect(error).toMatchObject({ name: 'DataCloneError' })
  }
}

describe('the memory of received messages', () => {
  it('cannot be taken from other messages by structuredClone', async () => {
    const [left, right] = await join(false)
    const received: Buffer[] = []
    right.on('message', (message: Buffer) => {
      received.push(message)
      tryToTransfer(message)
    })
    for (let index = 0; index < 10; index += 1) left.trySend(Buffer.alloc(10, index))
    await eventually(() => received.length === 10)
    expect(received).toEqual(Array.from({ length: 10 }, (_, index) => Buffer.alloc(10, index)))
    await Promise.all([left.close(), right.close()])
  })

  it('is taken by a stream only if Node allows it, and then the channel reports the loss', async () => {
    const [left, right] = await join(false)
    const received: Buffer[] = []
    let closed: Error | undefined
    right.on('close', (error) => {
      closed = error
    })
    right.on('message', (message: Buffer) => {
      received.push(Buffer.from(message))
      if (received.length === 3) void fillByStream(message, 1).catch(() => {})
    })
    for (let index = 0; index < 10; index += 1) left.trySend(Buffer.alloc(10, index))
    await eventually(() => received.length === 10 || closed !== undefined)
    await turns(5)
    if (STREAMS_RESPECT_THE_MARK) {
      expect(received.length).toBe(10)
      await Promise.all([left.close(), right.close()])
    } else {
      expect(received.length).toBe(3)
      expect(closed).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT, message: /transferred the memory/ })
    }
  })

  it('of a completed batch may be taken by a stream: the next messages arrive', async () => {
    const [left, right] = await join(false)
    const received: Buffer[] = []
    right.on('message', (message: Buffer) => {
      received.push(Buffer.from(message))
      void fillByStream(message, 1).catch(() => {})
    })
    for (let index = 0; index < 10; index += 1) {
      left.trySend(Buffer.alloc(10, index))
      await eventually(() => received.length === index + 1)
    }
    expect(received).toEqual(Array.from({ length: 10 }, (_, index) => Buffer.alloc(10, index)))
    await Promise.all([left.close(), right.close()])
  })

  it('of a message with its own buffer may be transferred if it is not from the pool', async () => {
    const [left, right] = await join(false)
    const moved: Buffer[] = []
    right.on('message', (message: Buffer) => {
      const clone = structuredClone(message, { transfer: [message.buffer as ArrayBuffer] })
      moved.push(Buffer.from(clone))
      expect(message.length).toBe(0)
    })
    for (const bytes of [8 * 1024, 100_000]) await left.send(Buffer.alloc(bytes, 1))
    await eventually(() => moved.length === 2)
    expect(moved.map((message) => message.length)).toEqual([8 * 1024, 100_000])
    await Promise.all([left.close(), right.close()])
  })

  it('cannot be transferred by structuredClone if it is from the pool', async () => {
    const [left, right] = await join(false)
    const received: Buffer[] = []
    right.on('message', (message: Buffer) => {
      received.push(message)
      tryToTransfer(message)
      expect(message.equals(structuredClone(message))).toBe(true)
    })
    await left.send(Buffer.alloc(300_000, 1))
    await eventually(() => received.length === 1)
    expect(received[0]?.equals(Buffer.alloc(300_000, 1))).toBe(true)
    await Promise.all([left.close(), right.close()])
  })
})
