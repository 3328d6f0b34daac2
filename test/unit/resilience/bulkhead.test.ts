import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { type BulkheadOptions, bulkhead } from '../../../src/resilience/bulkhead.js'
import { circuitBreaker } from '../../../src/resilience/circuit-breaker.js'
import { FakeClock, settle } from '../../support/fake-clock.js'
import {
  answerOf,
  callOf,
  failing,
  ManualStream,
  manualService,
  outcomeOf,
} from '../../support/intercepted-calls.js'

function limited(options: BulkheadOptions = {}): ReturnType<typeof manualService> & {
  clock: FakeClock
  places: ReturnType<typeof bulkhead>
} {
  const clock = new FakeClock()
  const places = bulkhead({ concurrency: 2, clock, ...options })
  return { clock, places, ...manualService(places) }
}

const FULL = { status: 'RESOURCE_EXHAUSTED', reason: 'BULKHEAD_FULL', executed: 'no' }

describe('bulkhead', () => {
  it('refuses calls when all places are taken, and passes them when one is free', async () => {
    const { attempts, run, places } = limited()
    const first = outcomeOf(run(callOf()))
    const second = outcomeOf(run(callOf()))
    const third = outcomeOf(run(callOf()))
    await settle()
    expect(third.error).toMatchObject(FULL)
    expect(attempts.length).toBe(2)
    expect({ ...places }).toMatchObject({ running: 2, waiting: 0, refused: 1 })
    attempts[0]?.answer('one')
    attempts[1]?.fail(failing('INTERNAL'))
    await settle()
    expect([first.message, second.error]).toMatchObject(['one', { status: 'INTERNAL' }])
    expect(places.running).toBe(0)
    void run(callOf())
    await settle()
    expect(attempts.length).toBe(3)
  })

  it('lets calls wait in their order, with the rest of their time', async () => {
    const { attempts, run, places, clock } = limited({ concurrency: 1, waiting: 2 })
    void run(callOf())
    void run(callOf({ method: 'second', remainingMs: 500 }))
    void run(callOf({ method: 'third' }))
    const fourth = outcomeOf(run(callOf()))
    await settle()
    expect(fourth.error).toMatchObject(FULL)
    expect({ ...places }).toMatchObject({ running: 1, waiting: 2 })
    await clock.advance(200)
    attempts[0]?.answer()
    await settle()
    expect(attempts[1]?.call).toMatchObject({ method: 'second', remainingMs: 300 })
    attempts[1]?.answer()
    await settle()
    expect(attempts[2]?.call.method).toBe('third')
    attempts[2]?.answer()
    await settle()
    expect({ ...places }).toMatchObject({ running: 0, waiting: 0 })
    expect(clock.timers).toBe(0)
  })

  it('ends a wait after waitMs, at the deadline, or when the signal fires, and keeps no place for it', async () => {
    const { attempts, run, places, clock } = limited({ concurrency: 1, waiting: 4, waitMs: 100 })
    void run(callOf())
    const late = outcomeOf(run(callOf()))
    const timedOut = outcomeOf(run(callOf({ remainingMs: 50 })))
    const controller = new AbortController()
    const aborted = outcomeOf(run(callOf({ signal: controller.signal })))
    controller.abort(new Error('enough'))
    const deadline = new AbortController()
    const expired = outcomeOf(run(callOf({ signal: deadline.signal })))
    deadline.abort(new DOMException('too long', 'TimeoutError'))
    await clock.advance(50)
    expect(timedOut.error).toMatchObject(FULL)
    expect(expired.error).toMatchObject(FULL)
    expect(aborted.error).toMatchObject({
      code: ErrorCode.ABORTED,
      executed: 'no',
      cause: { message: 'enough' },
    })
    await clock.advance(50)
    expect(late.error).toMatchObject(FULL)
    attempts[0]?.answer()
    await settle()
    expect(attempts.length).toBe(1)
    expect({ ...places }).toMatchObject({ running: 0, waiting: 0, refused: 3 })
    expect(clock.timers).toBe(0)
  })

  it('counts no wait as a failure of the service, behind a circuit breaker', async () => {
    const clock = new FakeClock()
    const breaker = circuitBreaker({ callsMin: 1, timeoutMinMs: 0, clock })
    const places = bulkhead({ concurrency: 1, waiting: 1, clock })
    const { run } = manualService((next) => breaker(places(next)))
    void run(callOf())
    const late = outcomeOf(run(callOf({ remainingMs: 50 })))
    await clock.advance(50)
    expect(late.error).toMatchObject(FULL)
    expect({ ...breaker }).toMatchObject({ state: 'closed', failures: 0 })
  })

  it('passes the methods that every service has, without a place', async () => {
    const { attempts, run, places } = limited({ concurrency: 1 })
    void run(callOf())
    await settle()
    void run(callOf({ method: '$ping' }))
    await settle()
    expect(attempts.map(({ call }) => call.method)).toEqual(['get', '$ping'])
    expect({ ...places }).toMatchObject({ running: 1, refused: 0 })
  })

  it('does not begin a wait for a call whose signal has fired', async () => {
    const { run, places } = limited({ concurrency: 1, waiting: 1 })
    void run(callOf())
    const outcome = outcomeOf(run(callOf({ signal: AbortSignal.abort() })))
    await settle()
    expect(outcome.error).toMatchObject({ code: ErrorCode.ABORTED })
    expect(places.waiting).toBe(0)
  })

  it('keeps the place of a stream until it ends', async () => {
    const { attempts, run, places } = limited({ concurrency: 1 })
    const answer = run(callOf({ kind: 'serverStream' }))
    await settle()
    const source = new ManualStream()
    attempts[0]?.answer(source)
    const read = ((await answer).message as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    expect(places.running).toBe(1)
    void read.next()
    source.send(1)
    await settle()
    expect(places.running).toBe(1)
    await read.return?.()
    expect(places.running).toBe(0)
  })

  it('takes a plain iterable of a handler for a stream', async () => {
    const places = bulkhead({ clock: new FakeClock() })
    const run = places(async () => answerOf([1, 2]))
    const { message } = await run(callOf({ kind: 'serverStream', side: 'service' }))
    expect(places.running).toBe(1)
    const taken: unknown[] = []
    for await (const one of message as AsyncIterable<unknown>) taken.push(one)
    expect(taken).toEqual([1, 2])
    expect(places.running).toBe(0)
  })

  it('rejects bad options', () => {
    for (const options of [{ concurrency: 0 }, { waiting: -1 }, { waitMs: 0 }, { size: 1 }])
      expect(() => bulkhead(options as BulkheadOptions)).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
  })
})
