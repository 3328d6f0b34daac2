import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { type ChannelSocket, channelDuplex } from '../../src/adapter/stream.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'
import { integerFrom, newSeed, type Random, randomFrom } from '../support/random.js'
import { closed, JOINS, joinByteChannels, joinSockets, readAll } from '../support/socket-of-channels.js'
import { turn, turns } from '../support/turns.js'

const CHUNK_BYTES_MAX = 64 * 1024
const TRANSFER_BYTES = 3_000_000

describe.each(JOINS)('stream over %s', (name, join) => {
  it.each([
    ['fast', false],
    ['slow', true],
  ])('carries random splits byte for byte in both directions to %s readers', async (_speed, slow) => {
    const random = randomFrom(newSeed(`stream over ${name}`))
    const [left, right] = await joinSockets(join, { allowHalfOpen: true })
    const run = async (from: ChannelSocket, to: ChannelSocket): Promise<void> => {
      const bytes = randomBytes(random, TRANSFER_BYTES)
      const [received] = await Promise.all([
        slow ? readSlowly(to, random) : readAll(to),
        writeSplit(from, bytes, random),
      ])
      expect(received.equals(bytes)).toBe(true)
    }
    await Promise.all([run(left, right), run(right, left)])
  })

  it('sends chunks of at most 64 KiB', async () => {
    const [left, right] = await joinByteChannels(join)
    const socket = channelDuplex(left)
    const bytes = randomBytes(randomFrom(1), 5 * CHUNK_BYTES_MAX + 7)
    socket.end(bytes)
    const chunks: Buffer[] = []
    for await (const chunk of right) {
      if (chunk.length === 0) break
      chunks.push(chunk)
    }
    expect(Math.max(...chunks.map(({ length }) => length))).toBe(CHUNK_BYTES_MAX)
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
  })

  it('sends the first write of a turn at once, and the others together', async () => {
    const [left, right] = await joinByteChannels(join)
    const socket = channelDuplex(left)
    await turn()
    for (let index = 0; index < 100; index += 1) socket.write(`${index},`)
    const messages: string[] = []
    for await (const message of right) {
      messages.push(String(message))
      if (messages.length === 2) break
    }
    expect(messages).toEqual(['0,', Array.from({ length: 99 }, (_, index) => `${index + 1},`).join('')])
  })

  it('sends nothing for an empty write', async () => {
    const [left, right] = await joinSockets(join)
    left.write('')
    left.write('a')
    left.end('')
    expect(String(await readAll(right))).toBe('a')
  })

  it('stops the writer while the reader does not read, and continues when it does', async () => {
    const [left, right] = await joinSockets(join)
    const chunk = Buffer.alloc(10_000, 1)
    let written = 0
    for (let waits = 0; waits < 50; ) {
      if (left.writableNeedDrain) {
        await turn()
        waits += 1
      } else {
        left.write(chunk)
        written += chunk.length
        waits = 0
      }
      if (written > 64 * 1024 * 1024) throw new Error(`the socket took ${written} unread bytes`)
    }
    const received = readAll(right)
    await once(left, 'drain')
    left.end()
    expect((await received).length).toBe(written)
  })

  it('keeps what a paused reader has not read, however long it waits after the end of the peer', async () => {
    const [left, right] = await joinSockets(join)
    const bytes = randomBytes(randomFrom(2), 200_000)
    left.end(bytes)
    await once(left, 'finish')
    left.destroy()
    await closed(left)
    await turns(20)
    // More ended channels with held messages than may wait for a reader: the oldest no longer wait.
    const receivers = Array.from({ length: 300 }, () => {
      const [sender, receiver] = createChannelPair()
      sender.trySend('held')
      sender.destroy()
      return receiver
    })
    await turns(20)
    const received = await readAll(right)
    expect(received.equals(bytes)).toBe(true)
    for (const receiver of receivers) receiver.destroy()
  })

  it('works with pipeline and counts the bytes', async () => {
    const [left, right] = await joinSockets(join)
    const bytes = randomBytes(randomFrom(3), 1_000_000)
    const [received] = await Promise.all([
      readAll(right),
      pipeline(async function* () {
        for (let start = 0; start < bytes.length; start += 12_345) yield bytes.subarray(start, start + 12_345)
      }, left),
    ])
    expect(received.equals(bytes)).toBe(true)
    expect([left.bytesWritten, right.bytesRead]).toEqual([bytes.length, bytes.length])
  })
})

function randomBytes(random: Random, length: number): Buffer {
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random() * 2 ** 32)
  return Buffer.from(words.buffer, 0, length)
}

async function writeSplit(socket: ChannelSocket, bytes: Buffer, random: Random): Promise<void> {
  for (let start = 0; start < bytes.length; ) {
    const length = integerFrom(random, 1, random() < 0.9 ? 3_000 : 200_000)
    if (!socket.write(bytes.subarray(start, start + length))) await once(socket, 'drain')
    else if (random() < 0.1) await turn()
    start += length
  }
  socket.end()
}

/** Reads with pauses of random length. */
async function readSlowly(socket: ChannelSocket, random: Random): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk)
    if (random() < 0.3) await turns(integerFrom(random, 1, 20))
  }
  return Buffer.concat(chunks)
}
