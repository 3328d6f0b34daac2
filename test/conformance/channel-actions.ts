import { describe, expect, it } from 'vitest'
import type { Codec } from '../../src/codec/codec.js'
import { msgpackCodec } from '../../src/codec/msgpack.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { countFromEnvironment, integerFrom, newSeed, randomFrom } from '../support/random.js'
import { Round } from '../support/random-round.js'
import { RandomSide } from '../support/random-side.js'
import { turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import type { ChannelFixture } from './channel-fixture.js'

const ROUNDS = 60
/** A closing side holds at most this much of unread messages: 256 KiB. */
const BYTES_HELD_MAX = 200_000
const TIMEOUT_MS = 60 * 60_000

/**
 * Both sides act at random, from outside and inside callbacks. `SHMWIRE_ROUNDS` sets the number of rounds,
 * `SHMWIRE_SEED` and `SHMWIRE_ROUND` the first one: a failure names both.
 */
export function channelActions(fixture: ChannelFixture): void {
  const { name } = fixture
  const rounds = countFromEnvironment('SHMWIRE_ROUNDS', ROUNDS)

  describe(`channel over ${name}: random actions inside callbacks`, () => {
    it(
      `settle every call once and free all resources in each of ${rounds} rounds`,
      async () => {
        const seed = newSeed(`random actions, ${name}`)
        // The first channel of a process creates resources that later ones share.
        const [first] = await fixture.join()
        await first.close()
        const before = await resourcesOnceCollected()
        await playAll(fixture, seed, rounds)
        await expectResources(before)
      },
      TIMEOUT_MS,
    )
  })
}

/** A separate function, because a waiting function keeps the last values of its variables, such as a round. */
async function playAll(fixture: ChannelFixture, seed: number, rounds: number): Promise<void> {
  const from = countFromEnvironment('SHMWIRE_ROUND', 0)
  for (let index = from; index < from + rounds; index += 1) {
    const random = randomFrom(seed ^ Math.imul(index + 1, 0x9e3779b1))
    const round = new Round(random, integerFrom(random, 20, 60))
    await play(fixture, round)
    const fault = `seed ${seed}, round ${index}, ${fixture.name}:\n${round.wrong.join('\n')}\nafter:\n${round.log.join('\n')}`
    if (round.wrong.length > 0) expect.fail(fault)
  }
}

async function play(fixture: ChannelFixture, round: Round): Promise<void> {
  const codec = round.pick(['msgpack', 'bytes', 'own'] as const)
  const own: Codec = {
    name: 'own',
    reusesMemory: true,
    encode: (message) => {
      round.pick(sides).codes('encode')
      return msgpackCodec.encode(message)
    },
    decode: (bytes) => {
      round.pick(sides).codes('decode')
      return msgpackCodec.decode(bytes)
    },
  }
  const views = codec === 'bytes' && fixture.views && round.chance(0.5)
  const wait = round.pick(['adaptive', 'sleep', 'spin'] as const)
  const [left, right] = await fixture.join({ codec: codec === 'own' ? own : codec, views, wait })
  const style = { codec, longs: round.pick([0.05, 0.5]), blocking: round.pick([1, 5]) }
  const sides = [
    new RandomSide('left', left, round, style),
    new RandomSide('right', right, round, style),
  ] as const
  const [one, two] = sides
  one.other = two
  two.other = one
  round.log.push(`views: ${views}, wait: ${wait}, ${JSON.stringify(style)}`)
  const thrown = await collectUncaught(async () => {
    while (round.acting) {
      round.pick(sides).act('a turn')
      if (round.chance(0.3)) await turns(integerFrom(round.random, 1, 3))
    }
    await end(round, sides)
  })
  round.expectThrown(thrown)
  fixture.forget([left, right])
}

async function end(round: Round, sides: readonly [RandomSide, RandomSide]): Promise<void> {
  for (const side of sides) side.rest()
  const way = integerFrom(round.random, 0, 2)
  if (way === 0) round.pick(sides).destroy()
  else for (const side of sides.slice(0, way)) round.track('the last close', side.channel.close())
  const isOver = await round.until(
    () => round.pending.length === 0 && sides.every(({ closes }) => closes.length > 0),
  )
  const closed = sides.map(({ name, closes }) => `${name} ${closes.length}`).join(', ')
  round.expect(isOver, `hangs; pending: ${round.pending.join(', ')}; closed: ${closed}`)
  if (!isOver) return
  for (const side of sides) if (!round.destroyed) round.track('the last loop', side.takeRest())
  const isTaken = await round.until(() => round.pending.length === 0)
  round.expect(isTaken, `hangs; pending: ${round.pending.join(', ')}`)
  await turns(2)
  for (const side of sides) expectOver(round, side)
}

function expectOver(round: Round, side: RandomSide): void {
  const { name, channel, closes, other } = side
  const { outboxRecords, requestsOpen, requestsRunning } = channel.stats()
  round.expect(closes.length === 1, `${name} closed ${closes.length} times`)
  round.expect(
    outboxRecords + requestsOpen + requestsRunning === 0,
    `${name} holds ${outboxRecords} records, ${requestsOpen} open and ${requestsRunning} running requests`,
  )
  if (round.destroyed) return
  round.expect(closes[0] === undefined, `${name} closed with ${String(closes[0])}`)
  if (other.bytesSent > BYTES_HELD_MAX) return
  const lost = other.promised.filter((n) => !side.got.has(n))
  round.expect(lost.length === 0, `${name} never got ${lost.join(', ')}`)
}
