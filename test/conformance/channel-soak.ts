import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { countFromEnvironment, integerFrom, newSeed, type Random, randomFrom } from '../support/random.js'
import { eventually, turn } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type ChannelFixture, RING_BYTES } from './channel-fixture.js'

const SOAK_MESSAGES = 100_000
const THROWING_MESSAGES = 20_000
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

    it.each(fixture.views ? [false, true] : [false])(
      'loses nothing and never stalls when listeners of every type throw at random, with views: %s',
      async (views) => {
        const seed = newSeed(`listeners that throw, ${name}`)
        const soak = new Pattern(seed, 4 * RING_BYTES, mixedLengths(inlineBytesMax, 4 * RING_BYTES))
        const ends = await fixture.join({ codec: 'bytes', views })
        const random = randomFrom(seed)
        const received = ends.map((end) => receiveAll(end, soak, random))
        const all = { message: THROWING_MESSAGES, messages: THROWING_MESSAGES, wrong: 0, close: 1 }
        const thrown = await collectUncaught(async () => {
          const runs = ends.flatMap((end, side) => [
            sendAllByDrain(end, soak, THROWING_MESSAGES),
            askAllThrowing(end, soak, THROWING_MESSAGES / 100, randomFrom(seed ^ (side + 1))),
          ])
          await Promise.all(runs)
          await eventually(() => received.every(({ messages }) => messages === THROWING_MESSAGES))
          await ends[0].close()
          await eventually(() => received.every(({ close }) => close === 1))
        })
        expect(received).toEqual([all, all])
        expect(new Set(thrown.map(String))).toEqual(
          new Set([
            'Error: a listener of message',
            'Error: a listener of messages',
            'Error: a listener of drain',
            'Error: a listener of close',
          ]),
        )
      },
      SOAK_TIMEOUT_MS,
    )
  })
}

/** Counts and checks the messages of listeners that sometimes throw. */
function receiveAll(channel: Channel, pattern: Pattern, random: Random) {
  const received = { message: 0, messages: 0, wrong: 0, close: 0 }
  const receive = (what: 'message' | 'messages', message: Buffer): void => {
    if (!message.equals(pattern.message(received[what]))) received.wrong += 1
    received[what] += 1
  }
  const mayThrow = (what: string, chance: number): void => {
    if (random() < chance) throw new Error(`a listener of ${what}`)
  }
  channel.on('message', (message: Buffer) => {
    receive('message', message)
    mayThrow('message', 0.02)
  })
  channel.on('messages', (batch: Buffer[]) => {
    for (const message of batch) receive('messages', message)
    mayThrow('messages', 0.2)
  })
  channel.on('drain', () => mayThrow('drain', 0.5))
  channel.on('close', () => {
    received.close += 1
    mayThrow('close', 1)
  })
  channel.handle((message: Buffer) => {
    mayThrow('requests', 0.3)
    return message
  })
  return received
}

async function sendAllByDrain(channel: Channel, pattern: Pattern, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const message = pattern.message(index)
    // Before the one that throws.
    while (!channel.trySend(message))
      await new Promise<void>((resolve) => channel.prependOnceListener('drain', resolve))
  }
}

async function askAllThrowing(
  channel: Channel,
  pattern: Pattern,
  count: number,
  random: Random,
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const asked = pattern.message(index)
    const answer = await channel.request<Buffer>(asked).catch((error: { code: string }) => error.code)
    const right = typeof answer === 'string' ? answer === ErrorCode.REMOTE : answer.equals(asked)
    if (!right) throw new Error(`the reply to ${index} is wrong`)
    await pauseAtRandom(random, 0.1)
  }
}

async function pauseAtRandom(random: Random, chance: number): Promise<void> {
  if (random() >= chance) return
  if (random() < 0.8) await turn()
  else await new Promise((resolve) => setTimeout(resolve, integerFrom(random, 0, 2)))
}

async function readAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  let next = 0
  for await (const message of channel) {
    if (!pattern.message(next).equals(message as Buffer)) throw new Error(`message ${next} is wrong`)
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
      throw new Error(`a reply of ${index} is wrong`)
    await pauseAtRandom(random, 0.1)
  }
}
