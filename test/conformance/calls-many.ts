import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { serve } from '../../src/service/serve.js'
import { CALLS_OPEN_MAX } from '../../src/wire/call-records.js'
import { all, failure, numbers, type TestClient, testClient } from '../support/services.js'
import { eventually, turn } from '../support/turns.js'
import { gate, open } from './calls-fixture.js'
import { type ChannelFixture, take } from './channel-fixture.js'

const COUNT = 10_000

/** Many calls, services and clients on one channel. */
export function callMany(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`many calls over ${name}`, () => {
    it('are answered, each with its own message', async () => {
      const { calls } = await open(fixture, {
        echo: async (value: number) => {
          if (value % 3 === 0) await turn()
          return value
        },
      })
      const replies = await Promise.all(Array.from({ length: COUNT }, (_, index) => calls.echo(index)))
      expect(replies.findIndex((reply, index) => reply !== index)).toBe(-1)
    })

    it('wait on the calling side beyond the bound, in order', async () => {
      const opened = gate()
      let running = 0
      const order: number[] = []
      const { calls, service } = await open(fixture, {
        echo: async (value: number) => {
          running += 1
          order.push(value)
          await opened.opened
          return value
        },
      })
      const replies = Array.from({ length: COUNT }, (_, index) => calls.echo(index))
      await eventually(() => running === CALLS_OPEN_MAX)
      expect(service.stats()['echo']).toMatchObject({ running: CALLS_OPEN_MAX, calls: 0 })
      opened.open()
      expect(await Promise.all(replies)).toEqual(Array.from({ length: COUNT }, (_, index) => index))
      expect(order).toEqual(Array.from({ length: COUNT }, (_, index) => index))
      expect(service.stats()['echo']).toMatchObject({ running: 0, calls: COUNT })
    })

    it('that are cancelled free their slots, also those that still wait', async () => {
      let running = 0
      let aborted = 0
      const { calls, service } = await open(fixture, {
        echo: (value: unknown) => value,
        hang: (_request: unknown, { signal }: { signal: AbortSignal }) => {
          running += 1
          return new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => {
              aborted += 1
              resolve()
            })
          })
        },
      })
      const controller = new AbortController()
      const waits = Array.from({ length: COUNT }, () => calls.hang(0, { signal: controller.signal }))
      const settled = Promise.allSettled(waits)
      await eventually(() => running === CALLS_OPEN_MAX)
      controller.abort()
      const executed = (await settled).map((one) =>
        one.status === 'rejected' ? (one.reason as { executed: string }).executed : 'answered',
      )
      expect(executed.filter((what) => what === 'unknown')).toHaveLength(CALLS_OPEN_MAX)
      expect(executed.filter((what) => what === 'no')).toHaveLength(COUNT - CALLS_OPEN_MAX)
      expect(await calls.echo('next')).toBe('next')
      expect([running, aborted]).toEqual([CALLS_OPEN_MAX, CALLS_OPEN_MAX])
      expect(service.stats()['hang']).toMatchObject({ running: 0, errors: CALLS_OPEN_MAX })
    })

    it('whose handlers ignore their cancellation are refused beyond a bound', async () => {
      const ends: (() => void)[] = []
      const { calls } = await open(fixture, {
        echo: (value: unknown) => value,
        hang: () => new Promise<void>((resolve) => ends.push(resolve)),
      })
      for (const running of [CALLS_OPEN_MAX, 2 * CALLS_OPEN_MAX]) {
        const controller = new AbortController()
        const { signal } = controller
        const settled = Promise.allSettled(
          Array.from({ length: CALLS_OPEN_MAX }, () => calls.hang(0, { signal })),
        )
        await eventually(() => ends.length === running)
        controller.abort()
        await settled
      }
      expect(await failure(calls.echo(1))).toMatchObject({
        code: ErrorCode.BACKLOG,
        status: 'RESOURCE_EXHAUSTED',
        executed: 'no',
      })
      for (const end of ends) end()
      await turn()
      expect(await calls.echo(1)).toBe(1)
    })

    it('that fail free their places', async () => {
      const { calls, service } = await open(fixture, {
        echo: (value: unknown) => value,
        fail: () => {
          throw new Error('at once')
        },
        failLater: () => Promise.reject(new Error('later')),
        async *failStream(to: number) {
          yield* numbers(to)
          throw new Error('after the messages')
        },
      })
      const failed = Array.from({ length: COUNT }, async (_, index) => {
        if (index % 3 === 0) return failure(calls.fail())
        return index % 3 === 1 ? failure(calls.failLater()) : failure(all(calls.failStream(1)))
      })
      for (const error of await Promise.all(failed)) expect(error).toMatchObject({ code: ErrorCode.REMOTE })
      expect(await calls.echo(1)).toBe(1)
      expect(Object.values(service.stats()).every(({ running }) => running === 0)).toBe(true)
    })

    it('fail with BACKLOG beyond maxOutboxBytes', async () => {
      const { calls } = await open(
        fixture,
        { echo: (value: unknown) => value },
        { channel: { codec: 'bytes', maxOutboxBytes: 300_000 } },
      )
      const outcomes = await Promise.allSettled(
        Array.from({ length: 100 }, () => calls.echo(Buffer.alloc(50_000))),
      )
      const failed = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as object] : []))
      expect(failed.length).toBeGreaterThan(0)
      expect(failed.length).toBeLessThan(100)
      for (const error of failed) expect(error).toMatchObject({ code: ErrorCode.BACKLOG, executed: 'no' })
    })
  })

  describe(`services over ${name}`, () => {
    it('have several names on one channel, and several clients', async () => {
      const [left, right] = await fixture.join()
      await serve(right, { whoami: () => 'default' })
      await serve(right, { whoami: () => 'one' }, { name: 'one' })
      const two = await serve(right, { whoami: () => 'two' }, { name: 'two' })
      await expect(serve(right, { whoami: () => '' }, { name: 'one' })).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
      const clients = await Promise.all(
        ['', 'one', 'two', 'one'].map((service) => testClient<'whoami'>(left, { name: service })),
      )
      const who = Promise.all(clients.map((calls) => calls.whoami()))
      expect(await who).toEqual(['default', 'one', 'two', 'one'])
      await two.close()
      expect(await failure(clients[2]?.whoami() as Promise<unknown>)).toMatchObject({
        code: ErrorCode.NO_HANDLER,
        executed: 'no',
      })
      await serve(right, { whoami: () => 'new two' }, { name: 'two' })
      expect(await clients[2]?.whoami()).toBe('new two')
      await clients[1]?.$close()
      expect(left.open).toBe(true)
      expect(await failure(clients[1]?.whoami() as Promise<unknown>)).toMatchObject({
        code: ErrorCode.CLOSED,
        executed: 'no',
      })
      expect(await clients[3]?.whoami()).toBe('one')
    })

    it('can be in both directions of one channel, with nested calls', async () => {
      const ends = await fixture.join()
      const clients = await Promise.all(ends.map((end) => testClient<'down'>(end)))
      for (const [index, end] of ends.entries())
        await serve(end, {
          down: async (depth: number): Promise<number[]> =>
            depth === 0
              ? [index]
              : [index, ...((await (clients[index] as TestClient<'down'>).down(depth - 1)) as number[])],
        })
      const [fromLeft, fromRight] = await Promise.all(clients.map((calls) => calls.down(49)))
      expect(fromLeft).toEqual(Array.from({ length: 50 }, (_, index) => 1 - (index % 2)))
      expect(fromRight).toEqual(Array.from({ length: 50 }, (_, index) => index % 2))
      await ends[0].close()
    })

    it('work beside messages and requests of the same channel', async () => {
      const { calls, left, right } = await open(fixture, {
        echo: (value: unknown) => value,
        async *count(to: number) {
          yield* numbers(to)
        },
      })
      right.handle((value: number) => value + 1)
      const taken = take(right, 1_000)
      const outcomes = await Promise.all([
        Promise.all(Array.from({ length: 1_000 }, (_, index) => left.send(index))),
        Promise.all(Array.from({ length: 1_000 }, (_, index) => left.request<number>(index))),
        Promise.all(Array.from({ length: 1_000 }, (_, index) => calls.echo(index))),
        all(calls.count(1_000)),
        taken,
      ])
      const expected = Array.from({ length: 1_000 }, (_, index) => index)
      expect(outcomes[1]).toEqual(expected.map((value) => value + 1))
      expect([outcomes[2], outcomes[3], outcomes[4]]).toEqual([expected, expected, expected])
      await left.close()
    })

    it('are optional: a peer without one refuses calls, and its messages and requests still work', async () => {
      const [left, right] = await fixture.join()
      right.handle((value) => value)
      const calls = await testClient<'echo'>(left)
      const refused = { code: ErrorCode.NO_HANDLER, status: 'UNIMPLEMENTED', executed: 'no' }
      expect(await failure(calls.echo(1))).toMatchObject(refused)
      expect(await failure(all(calls.echo(numbers(500))))).toMatchObject(refused)
      expect(await failure(calls.$ping())).toMatchObject(refused)
      const many = await Promise.allSettled(Array.from({ length: COUNT }, () => calls.echo(1)))
      expect(many.every(({ status }) => status === 'rejected')).toBe(true)
      const taken = take(right, 1)
      await left.send('message')
      expect([await taken, await left.request('request')]).toEqual([['message'], 'request'])
      await serve(right, { echo: (value: unknown) => value })
      expect(await calls.echo('served')).toBe('served')
      await left.close()
    })
  })
}
