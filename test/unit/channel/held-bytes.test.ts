import { describe, expect, it } from 'vitest'
import type { Channel } from '../../../src/channel/channel.js'
import type { CodecName } from '../../../src/codec/codec.js'
import { memoryChannels } from '../../support/memory-channels.js'
import { turn } from '../../support/turns.js'

/** Objects of each message: in transit 1 KB of msgpack or 3 KB of JSON; in memory, 56 bytes each. */
const OBJECTS = 1000
const MESSAGE_BYTES_MAX = 4 * OBJECTS
const LINK_BYTES = 4 * MESSAGE_BYTES_MAX
const HELD_BYTES_MAX = 256 * 1024

/** The number of messages that the channel accepts while no consumer reads them. */
async function takenOf(channel: Channel, message: unknown): Promise<number> {
  let count = 0
  for (let refusals = 0; refusals < 20; ) {
    if (channel.trySend(message)) {
      count += 1
      refusals = 0
    } else {
      refusals += 1
      await turn()
    }
  }
  return count
}

describe('messages that wait for a consumer', () => {
  it.each<[CodecName, number]>([
    ['msgpack', OBJECTS],
    ['json', 3 * OBJECTS],
  ])('stop the sender by the memory that they take: %s', async (codec, messageBytes) => {
    const [left, right] = memoryChannels({ codec, capacityBytes: LINK_BYTES })
    const message = Array.from({ length: OBJECTS }, () => ({}))
    const count = await takenOf(left, message)
    const onTheWay = LINK_BYTES / messageBytes
    expect(count).toBeLessThan(onTheWay + HELD_BYTES_MAX / (56 * OBJECTS) + 2)
    const loop = right[Symbol.asyncIterator]()
    for (let index = 0; index < count; index++) expect((await loop.next()).value).toEqual(message)
    left.destroy()
  })

  it('end the channel if one needs more than maxDecodedBytes, after the messages before it', async () => {
    const [left, right] = memoryChannels({ maxDecodedBytes: 1024 * 1024 })
    left.trySend('first')
    left.trySend(Array.from({ length: 20_000 }, () => ({})))
    left.trySend('last')
    const received: unknown[] = []
    const end = async (): Promise<void> => {
      for await (const message of right) received.push(message)
    }
    await expect(end()).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_CODEC',
      message: /maxDecodedBytes: 1048576/,
    })
    expect(received).toEqual(['first'])
  })
})
