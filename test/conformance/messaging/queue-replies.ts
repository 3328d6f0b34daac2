import { describe, expect, it } from 'vitest'
import type { JobContext } from '../../../src/messaging/queue/types.js'
import { Log, numbers, type QueueFixture } from './queue-fixture.js'

/** Request-reply over a queue. */
export function queueReplies(fixture: QueueFixture): void {
  describe.skipIf(!fixture.features.request)('replies', () => {
    it('resolves each request to the result of its handler', async () => {
      const { client, queue, place } = await fixture.queue()
      const correlations = new Set<string | undefined>()
      await place.work(
        async (job, { headers }) => {
          correlations.add(headers['correlation-id'])
          await Promise.resolve()
          return { twice: 2 * (job as number) }
        },
        { concurrency: 10 },
      )
      const results = await Promise.all(
        numbers(200).map((index) => (index % 2 === 0 ? client : queue).request(index)),
      )
      expect(results).toEqual(numbers(200).map((index) => ({ twice: 2 * index })))
      expect(correlations.size).toBe(200)
    })

    it('passes the correlation id of the program', async () => {
      const { client, place } = await fixture.queue()
      await place.work((_job, { headers, id }) => ({ headers, id }))
      expect(
        await client.request(1, { id: 'mine', headers: { 'correlation-id': 'c-1', other: 'x' } }),
      ).toEqual({
        headers: { 'correlation-id': 'c-1', other: 'x' },
        id: 'mine',
      })
    })

    it.each(['client', 'queue'] as const)(
      'rejects a request of a %s with the error of the last attempt',
      async (side) => {
        const { place, ...sides } = await fixture.queue({ attempts: 3 })
        const log = new Log<number>()
        await place.work((_job, { attempt }) => {
          log.add(attempt)
          throw Object.assign(new RangeError(`attempt ${attempt}`), { code: 'E_RANGE' })
        })
        await expect(sides[side].request('bad')).rejects.toMatchObject({
          code: 'ERR_SHMWIRE_REMOTE',
          remoteCode: 'E_RANGE',
          cause: { name: 'RangeError', message: 'attempt 3' },
        })
        expect(log.items).toEqual([1, 2, 3])
      },
    )

    it('resolves to undefined for a handler that returns nothing', async () => {
      const { client, queue, place } = await fixture.queue({ codec: 'json' })
      await place.work(() => {}, { codec: 'json' })
      const other = await place.open({ codec: 'json' })
      expect(await other.request(1)).toBeUndefined()
      expect(await queue.request(1)).toBeUndefined()
      await expect(client.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    })

    it('rejects a request whose id was pushed before', async () => {
      const { client, queue, place } = await fixture.queue()
      await place.work((job) => job)
      await client.push(1, { id: 'same' })
      await expect(client.request(2, { id: 'same' })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_STATE',
        executed: 'no',
      })
      await expect(queue.request(2, { id: 'same' })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_STATE',
      })
    })

    it('ends a request at its limits', async () => {
      const { client, queue } = await fixture.queue()
      await expect(client.request(1, { timeoutMs: 30 })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_TIMEOUT',
        executed: 'unknown',
      })
      await expect(queue.request(1, { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_ABORTED',
        executed: 'unknown',
      })
    })

    it('fails a job whose result cannot be encoded', async () => {
      const { client, place } = await fixture.queue({ attempts: 1 })
      await place.work(() => () => {})
      await expect(client.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_REMOTE' })
    })

    it('pushes the result to the queue that the job names', async () => {
      const replies = await fixture.queue()
      const { client, place } = await fixture.queue({ attempts: 1 })
      const worker = await place.work((job) => ({ result: job }), {
        replyQueues: { billing: replies.client },
      })
      const failures = new Log<Error>()
      worker.on('failed', (error) => failures.add(error))
      const log = new Log<{ job: unknown; context: JobContext }>()
      await replies.place.work((job, context) => log.add({ job, context }))
      await client.push('invoice', { headers: { 'reply-to': 'billing', 'correlation-id': 'c-7' } })
      const { id } = await client.push('plain', { headers: { 'reply-to': 'billing' } })
      await client.push('lost', { headers: { 'reply-to': 'elsewhere' } })
      await log.atLeast(2)
      await failures.atLeast(1)
      expect(log.items.map(({ job, context }) => [job, context.headers])).toEqual([
        [{ result: 'invoice' }, { 'correlation-id': 'c-7' }],
        [{ result: 'plain' }, { 'correlation-id': id }],
      ])
      expect(failures.items[0]).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    })
  })
}
