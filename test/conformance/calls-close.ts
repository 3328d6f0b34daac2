import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { client } from '../../src/service/client.js'
import { serve } from '../../src/service/serve.js'
import { all, failure, first, numbers, testClient } from '../support/services.js'
import { eventually, turn, turns } from '../support/turns.js'
import { gate, open } from './calls-fixture.js'
import { type ChannelFixture, ended } from './channel-fixture.js'

/** Calls while a channel, a client or a service closes. */
export function callClose(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`calls over ${name} and a close of their channel`, () => {
    it.each(['caller', 'service'])('complete before the close by the %s', async (side) => {
      const opened = gate()
      const { calls, left, right, service } = await open(fixture, {
        slow: async (value: unknown) => {
          await opened.opened
          return value
        },
        async *count(to: number) {
          await opened.opened
          yield* numbers(to)
        },
        async sum(messages: AsyncIterable<number>) {
          await opened.opened
          return (await all(messages)).length
        },
      })
      const replies = Promise.all([calls.slow(1), all(calls.count(500)), calls.sum(numbers(500))])
      await eventually(() => Object.values(service.stats()).every(({ running }) => running === 1))
      const closed = (side === 'caller' ? left : right).close()
      await turns(5)
      const late = await failure(calls.slow(2))
      expect(late).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
      opened.open()
      const [one, counted, sum] = await replies
      expect([one, (counted as unknown[]).length, sum]).toEqual([1, 500, 500])
      await closed
    })

    it('were never begun by a service that has closed its channel, and say so', async () => {
      const { calls, right } = await open(fixture, { echo: (value: unknown) => value })
      const closed = right.close()
      // The caller does not know it yet.
      const replies = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => calls.echo(index)))
      for (const reply of replies)
        expect(reply).toMatchObject({ status: 'rejected', reason: { status: 'UNAVAILABLE', executed: 'no' } })
      await closed
    })

    it('do not delay a close when they are cancelled', async () => {
      let signals = 0
      const { calls, left } = await open(fixture, {
        hang: (_request: unknown, { signal }: CallContext) => {
          signal.addEventListener('abort', () => {
            signals += 1
          })
          return new Promise(() => {})
        },
      })
      const controller = new AbortController()
      const reply = failure(calls.hang(0, { signal: controller.signal }))
      await turns(3)
      const closed = left.close()
      controller.abort()
      await closed
      expect(await reply).toMatchObject({ code: ErrorCode.ABORTED })
      expect(signals).toBe(1)
    })

    it('can close the channel in their handler, which still answers', async () => {
      const { calls, left } = await open(fixture, {
        async stop(_request: unknown, { channel }: CallContext) {
          await channel.close()
          return 'stopped'
        },
      })
      const over = ended(left)
      expect(await calls.stop()).toBe('stopped')
      await over
    })

    it('run in a loop that ends with the channel', async () => {
      const { calls, right } = await open(fixture, {
        async *count() {
          for (let number = 0; ; number += 1) {
            yield number
            await turn()
          }
        },
      })
      const taken: unknown[] = []
      const error = await failure(
        (async () => {
          for await (const message of calls.count()) {
            taken.push(message)
            if (taken.length === 10) right.destroy()
          }
        })(),
      )
      expect(error).toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(taken).toEqual(Array.from({ length: taken.length }, (_, index) => index))
    })
  })

  describe(`a client over ${name}`, () => {
    it('that is closed does not close the channel of the program, and its open calls continue', async () => {
      const opened = gate()
      const { calls, left } = await open(fixture, {
        slow: async (value: unknown) => {
          await opened.opened
          return value
        },
      })
      const reply = calls.slow(1)
      expect(calls.$channel).toBe(left)
      await calls.$close()
      opened.open()
      expect(await reply).toBe(1)
      expect(left.open).toBe(true)
      expect(calls.$channel).toBeUndefined()
      for (const error of [await failure(calls.slow(2)), await failure(all(calls.slow(2)))])
        expect(error).toMatchObject({ code: ErrorCode.CLOSED, status: 'UNAVAILABLE', executed: 'no' })
    })

    it('is disposed of with its block', async () => {
      const [left, right] = await fixture.join()
      await serve(right, { echo: (value: unknown) => value })
      const calls = await testClient<'echo'>(left)
      {
        await using own = calls
        expect(await own.echo(1)).toBe(1)
      }
      expect(await failure(calls.echo(1))).toMatchObject({ code: ErrorCode.CLOSED })
    })

    it('does not take the option channel with a channel, and needs an open one', async () => {
      const [left] = await fixture.join()
      const wrong = { code: ErrorCode.INVALID_ARGUMENT }
      await expect(client(left, { channel: {} })).rejects.toMatchObject(wrong)
      await expect(serve(left, { a: () => 1 }, { channel: {} })).rejects.toMatchObject(wrong)
      await expect(client({} as never)).rejects.toMatchObject(wrong)
      await expect(serve({} as never, { a: () => 1 })).rejects.toMatchObject(wrong)
      left.destroy()
      await expect(client(left)).rejects.toMatchObject({ code: ErrorCode.UNAVAILABLE })
    })
  })

  describe(`a service over ${name}`, () => {
    it('that is closed refuses new calls and completes open ones', async () => {
      const opened = gate()
      const { calls, service, right } = await open(fixture, {
        slow: async (value: unknown) => {
          await opened.opened
          return value
        },
        async *count(to: number) {
          await opened.opened
          yield* numbers(to)
        },
      })
      const replies = Promise.all([calls.slow(1), all(calls.count(200))])
      await eventually(() => service.stats()['count']?.running === 1)
      await service.close()
      await service.close()
      expect(await failure(calls.slow(2))).toMatchObject({ code: ErrorCode.NO_HANDLER, executed: 'no' })
      opened.open()
      expect((await replies)[0]).toBe(1)
      expect(right.open).toBe(true)
    })

    it('can be closed in a handler', async () => {
      const { calls } = await open(fixture, {
        stop: async (_request: unknown) => {
          await stopping.opened
          return 'stopped'
        },
      })
      const stopping = gate()
      const reply = calls.stop()
      stopping.open()
      expect(await reply).toBe('stopped')
      const [left, right] = await fixture.join()
      const own = await serve(right, {
        stop: async () => {
          await own.close()
          return 'closed'
        },
      })
      const other = await testClient<'stop'>(left)
      expect(await other.stop()).toBe('closed')
      expect(await failure(other.stop())).toMatchObject({ code: ErrorCode.NO_HANDLER })
    })

    it('counts its calls while they run and when they end', async () => {
      const { calls, service } = await open(fixture, {
        hang: () => new Promise(() => {}),
        async *count(to: number) {
          yield* numbers(to)
        },
        fail: () => {
          throw new Error('no')
        },
      })
      const controller = new AbortController()
      const hanging = failure(calls.hang(0, { signal: controller.signal }))
      await eventually(() => service.stats()['hang']?.running === 1)
      controller.abort()
      await hanging
      await failure(calls.fail())
      await first(calls.count(1_000), 5)
      await all(calls.count(10))
      await eventually(() => service.stats()['count']?.running === 0)
      expect(service.stats()).toMatchObject({
        hang: { calls: 1, errors: 1, running: 0 },
        fail: { calls: 1, errors: 1, running: 0 },
        count: { calls: 2, errors: 1, running: 0 },
      })
      expect(service.stats()['count']?.latencyMs.max).toBeGreaterThan(0)
    })
  })
}
