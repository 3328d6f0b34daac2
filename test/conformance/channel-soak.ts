import { describe, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { countFromEnvironment, integerFrom, newSeed, type Random, randomFrom } from '../support/random.js'
import { turn } from '../support/turns.js'
import { type ChannelFixture, RING_BYTES } from './channel-fixture.js'

const SOAK_MESSAGES = 100_000
const SOAK_TIMEOUT_MS = 30 * 60_000

/** Messages and requests of random sizes in both directions at once, every byte checked. */
export function channelSoak(fixture: ChannelFixture): void {
  const { inlineBytesMax, name } = fixture

  describe(`channel over ${name}: soak`, () => {
    const count = countFromEnvironment('SHMWIRE_SOAK_MESSAGES', SOAK_MESSAGES)
    it(
      `carries ${count} messages and many requests in each direction at once, by loops that pause at random`,
      async () => {
        const seed = newSeed(`channel soak ${name}`)
        const soak = new Pattern(seed, 4 * RING_BYTES, mixedLengths(inlineBytesMax, 4 * RING_BYTES))
        const ends = await fixture.join({ codec: 'bytes' })
        for (const end of ends) end.handle((value) => value)
        const runs = ends.flatMap((end, side) => {
          const random = randomFrom(seed ^ (side + 1))
          return [
            readAll(end, soak, count, random),
            sendAll(end, soak, count, random),
            askAll(end, soak, count / 50, random),
          ]
        })
        await Promise.all(runs)
        await ends[0].close()
      },
      SOAK_TIMEOUT_MS,
    )
  })
}

async function pauseAtRandom(random: Random, chance: number): Promise<void> {
  if (random() >= chance) return
  if (random() < 0.8) await turn()
  else await new Promise((resolve) => setTimeout(resolve, integerFrom(random, 0, 2)))
}

async function readAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  let next = 0
  for await (const message of channel) {
    if (!pattern.message(next).equals(message as Buffer)) throw new Error(`message ${next} is another`)
    next += 1
    if (next === count) return
    await pauseAtRandom(random, 0.001)
  }
  throw new Error(`the channel closed after ${next} messages`)
}

async function sendAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const message = pattern.message(index)
    if (random() < 0.3 || !channel.trySend(message)) await channel.send(message)
    await pauseAtRandom(random, 0.001)
  }
}

async function askAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  for (let index = 0; index < count; index += 10) {
    const asked = Array.from({ length: 10 }, (_, step) => pattern.message(index + step))
    const replies = await Promise.all(asked.map((message) => channel.request<Buffer>(message)))
    if (!replies.every((reply, at) => reply.equals(asked[at] as Buffer)))
      throw new Error(`a reply of ${index} is another`)
    await pauseAtRandom(random, 0.1)
  }
}
