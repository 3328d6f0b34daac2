import { describe, expect, it, onTestFinished } from 'vitest'
import { correlation, enableCorrelation, withCorrelation } from '../../../src/observe/correlation.js'
import { boundStore, eventsOf, FAILURE, observedTraces, SUCCESS } from '../../support/observed.js'
import { eventually } from '../../support/turns.js'
import { Log, type QueueFixture } from './queue-fixture.js'

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

/** The diagnostics channels of jobs that are pushed and run. */
export function queueDiagnostics(fixture: QueueFixture): void {
  describe('diagnostics', () => {
    it.each(['client', 'queue'] as const)('report a job of a %s once on each side', async (side) => {
      const { place, ...sides } = await fixture.queue({ attempts: 3 })
      const pushed = observedTraces('shmwire:queue.push', ({ headers }) => {
        headers.traceparent = 'injected'
      })
      const taken = observedTraces('shmwire:queue.take')
      const storage = boundStore('shmwire:queue.take', ({ headers }) => headers.traceparent)
      const log = new Log<unknown>()
      await place.work(async (_job, { headers }) => {
        const before = storage.getStore()
        await pause()
        log.add([headers, before, storage.getStore()])
      })
      const options = { id: 'j', key: 'a.b', headers: { own: '1' } }
      await sides[side].push('hello', options)
      await log.atLeast(1)
      const headers = { own: '1', traceparent: 'injected' }
      expect(log.items).toEqual([[headers, 'injected', 'injected']])
      expect(options.headers).toEqual({ own: '1' })
      await eventually(() => taken.length === SUCCESS.length)
      expect(eventsOf(pushed)).toEqual(SUCCESS)
      expect(eventsOf(taken)).toEqual(SUCCESS)
      const { address, queue, ...rest } = pushed[3]?.payload ?? {}
      const common = { id: 'j', key: 'a.b', headers, byteLength: 6 }
      expect(rest).toEqual({ ...common, waitsForResult: false, duplicate: false })
      expect(address).toBe(sides[side].address)
      expect(typeof queue).toBe('string')
      const { address: _address, queue: _queue, ...job } = taken[0]?.payload ?? {}
      expect(job).toEqual({ ...common, attempt: 1, attempts: 3 })
      await sides[side].push('hello', options)
      expect(pushed.at(-1)?.payload.duplicate).toBe(true)
    })

    it('pass the correlation id of the sender on to the handler', async () => {
      onTestFinished(enableCorrelation())
      const { client, place } = await fixture.queue()
      const log = new Log<unknown>()
      await place.work(async () => {
        await pause()
        log.add(correlation())
      })
      await withCorrelation('one', () => client.push(1))
      await log.atLeast(1)
      expect(log.items).toEqual(['one'])
    })

    it('report each attempt of a job that fails', async () => {
      const { client, place } = await fixture.queue({ attempts: 2 })
      const taken = observedTraces('shmwire:queue.take')
      await place.work((_job, { attempt }) => {
        throw new Error(`attempt ${attempt}`)
      })
      await client.push(1)
      await eventually(() => taken.length === 2 * FAILURE.length)
      expect(eventsOf(taken)).toEqual([...FAILURE, ...FAILURE])
      const errors = taken.filter(({ event }) => event === 'error').map(({ payload }) => payload)
      expect(errors).toMatchObject([
        { attempt: 1, error: { message: 'attempt 1' } },
        { attempt: 2, error: { message: 'attempt 2' } },
      ])
    })

    it.each(['client', 'queue'] as const)('report a push of a %s that fails', async (side) => {
      const sides = await fixture.queue()
      const pushed = observedTraces('shmwire:queue.push')
      await expect(sides[side].push(1, { headers: 5 as never })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      })
      await expect(sides[side].push(() => {})).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
      expect(eventsOf(pushed)).toEqual([...FAILURE, ...FAILURE])
      expect(pushed.at(-1)?.payload.error).toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
    })

    it.skipIf(!fixture.features.request)('report a request until its result', async () => {
      const { client, queue, place } = await fixture.queue()
      const pushed = observedTraces('shmwire:queue.push')
      await place.work((job) => job)
      expect(await client.request('x')).toBe('x')
      expect(await queue.request('x')).toBe('x')
      expect(eventsOf(pushed)).toEqual([...SUCCESS, ...SUCCESS])
      for (const { payload } of pushed) expect(payload.waitsForResult).toBe(true)
      expect(pushed[3]?.payload.id).toBeTypeOf('string')
    })
  })
}
