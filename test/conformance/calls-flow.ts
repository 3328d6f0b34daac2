import { describe, expect, it } from 'vitest'
import { WINDOW_BYTES, WINDOW_MESSAGES } from '../../src/service/call/send-window.js'
import { collectGarbage } from '../support/garbage.js'
import { all, numbers, testContract } from '../support/services.js'
import { eventually, settled, turn, turns } from '../support/turns.js'
import { gate, open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const MIB = 1024 * 1024
const STREAMS = 1_000
/** Far below 1,000 MiB. Includes what the garbage collector has not freed yet. */
const HELD_BYTES_MAX = 128 * MIB

/** The socket takes 20 seconds for 2 GB on a busy machine. */
const LONG_MS = 400_000

/** Flow control of each stream. */
export function callFlow(fixture: ChannelFixture): void {
  const { name } = fixture

  /** An endless stream that counts the messages that were taken from it. */
  function endless(message: unknown): {
    readonly taken: () => number
    readonly messages: () => AsyncGenerator
  } {
    let taken = 0
    return {
      taken: () => taken,
      async *messages() {
        for (;;) {
          taken += 1
          yield message
        }
      },
    }
  }

  describe(`streams of calls over ${name}`, () => {
    it.each([
      ['64 messages', 'x', WINDOW_MESSAGES],
      ['256 KiB', 'x'.repeat(10_000), Math.ceil(WINDOW_BYTES / 10_000)],
      ['a message that is longer than the window', 'x'.repeat(400_000), 1],
    ])('without a reader stop at %s, in both directions', async (_what, message, count) => {
      const source = endless(message)
      const opened = gate()
      const { calls } = await open(
        fixture,
        { echo: (value: unknown) => value, count: source.messages, sum: () => opened.opened },
        { contract: testContract({ echo: 'unary', count: 'serverStream', sum: 'clientStream' }) },
      )
      const stream = calls.count()
      await eventually(() => source.taken() >= count)
      expect(await settled(source.taken)).toBe(count)
      expect(await calls.echo('beside')).toBe('beside')
      await stream.return?.()
      const own = endless(message)
      const sum = calls.sum(own.messages())
      await eventually(() => own.taken() >= count)
      expect(await settled(own.taken)).toBe(count)
      expect(await calls.echo('beside')).toBe('beside')
      opened.open()
      await sum
    })

    it('continue in order after a pause of their reader', async () => {
      const { calls } = await open(
        fixture,
        {
          count: numbers,
          async *both(messages: AsyncIterable<number>) {
            let at = 0
            for await (const message of messages) {
              at += 1
              if (at % 500 === 0) await turns(20)
              yield message
            }
          },
        },
        { contract: testContract({ count: 'serverStream', both: 'bidi' }) },
      )
      const expected = Array.from({ length: 5_000 }, (_, index) => index)
      for (const stream of [calls.count(5_000), calls.both(numbers(5_000))]) {
        const taken: number[] = []
        for await (const message of stream) {
          taken.push(message as number)
          if (taken.length % 700 === 0) await turns(20)
        }
        expect(taken).toEqual(expected)
      }
    })

    it('do not stop one another: one of a thousand is never read', { timeout: LONG_MS }, async () => {
      const { calls } = await open(
        fixture,
        {
          echo: (value: unknown) => value,
          async *count(index: number) {
            for (let number = 0; number < 100; number += 1) yield { index, number, text: 'x'.repeat(200) }
          },
        },
        { contract: testContract({ echo: 'unary', count: 'serverStream' }) },
      )
      const unread = calls.count(-1, { timeoutMs: LONG_MS })
      const streams = Array.from({ length: STREAMS }, async (_, index) => {
        const taken = (await all(calls.count(index, { timeoutMs: LONG_MS }))) as {
          index: number
          number: number
        }[]
        return taken.length === 100 && taken.every((one, at) => one.index === index && one.number === at)
      })
      expect((await Promise.all(streams)).every((isRight) => isRight)).toBe(true)
      expect(await calls.echo(1)).toBe(1)
      expect(await all(unread)).toHaveLength(100)
    })

    it('of thousands of unread streams do not stop calls, and end with the channel', async () => {
      const { calls, left } = await open(
        fixture,
        { echo: (value: unknown) => value, count: () => endless('x'.repeat(20)).messages() },
        { contract: testContract({ echo: 'unary', count: 'serverStream' }) },
      )
      const unread = Array.from({ length: 2_000 }, () => calls.count())
      expect(await calls.echo(1)).toBe(1)
      await Promise.all(unread.map(async (stream) => stream.return?.()))
      await left.close()
    })

    it('keep memory flat with a slow reader of 1,000 × 1 MiB', { timeout: LONG_MS }, async () => {
      const block = Buffer.alloc(MIB, 7)
      let inputBytes = 0
      const { calls } = await open(
        fixture,
        {
          async *count() {
            for (let index = 0; index < STREAMS; index += 1) yield block
          },
          async sum(messages: AsyncIterable<Buffer>) {
            for await (const message of messages) {
              inputBytes += message.length
              await turn()
            }
          },
        },
        { contract: CONTRACT_OF_BYTES, channel: { codec: 'bytes' } },
      )
      const held = (): number => {
        collectGarbage()
        return process.memoryUsage().arrayBuffers
      }
      const before = held()
      let count = 0
      let most = 0
      for await (const message of calls.count(undefined, { timeoutMs: Number.POSITIVE_INFINITY })) {
        count += (message as Buffer).length
        await turn()
        if ((count / MIB) % 100 === 0) most = Math.max(most, held())
      }
      expect(count).toBe(STREAMS * MIB)
      async function* blocks(): AsyncGenerator<Buffer> {
        for (let index = 0; index < STREAMS; index += 1) {
          yield block
          if (index % 100 === 0) most = Math.max(most, held())
        }
      }
      await calls.sum(blocks(), { timeoutMs: Number.POSITIVE_INFINITY })
      expect(inputBytes).toBe(STREAMS * MIB)
      expect(most - before).toBeLessThan(HELD_BYTES_MAX)
    })

    it('let timers run while a stream could always continue', async () => {
      const { calls } = await open(
        fixture,
        { count: endless(1).messages, both: numbers },
        { contract: CONTRACT_OF_TWO },
      )
      let hasFired = false
      setTimeout(() => {
        hasFired = true
      }, 1)
      for await (const _message of calls.count(undefined, { timeoutMs: Number.POSITIVE_INFINITY }))
        if (hasFired) break
      await eventually(() => hasFired)
    })
  })
}

const CONTRACT_OF_BYTES = testContract({ count: 'serverStream', sum: 'clientStream' })
const CONTRACT_OF_TWO = testContract({ count: 'serverStream', both: 'bidi' })
