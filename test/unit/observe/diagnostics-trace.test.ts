import { AsyncLocalStorage } from 'node:async_hooks'
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isTraced, Trace, type TracedPayload, tracePromise } from '../../../src/observe/diagnostics-trace.js'
import { collectUncaught } from '../../support/uncaught.js'

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const
const SUCCESS = ['start', 'end', 'asyncStart', 'asyncEnd']
const FAILURE = ['start', 'end', 'error', 'asyncStart', 'asyncEnd']

let count = 0

/** A channel of its own, whose events are collected. */
function observedChannel(): { channel: TracingChannel; events: string[] } {
  count += 1
  const channel = tracingChannel(`test:${count}`)
  const events: string[] = []
  for (const name of EVENTS) channel[name].subscribe(() => events.push(name))
  return { channel, events }
}

function boundTo(channel: TracingChannel): AsyncLocalStorage<string> {
  const storage = new AsyncLocalStorage<string>()
  channel.start.bindStore(storage, () => 'bound')
  onTestFinished(() => {
    channel.start.unbindStore(storage)
  })
  return storage
}

describe('a trace', () => {
  it('publishes each event once, and keeps the first end', async () => {
    const { channel, events } = observedChannel()
    const trace = new Trace(channel, {})
    expect(trace.begin(() => 7)).toBe(7)
    expect(events).toEqual(['start', 'end'])
    trace.settle()
    trace.fail(new Error('late'))
    trace.settle()
    expect(events).toEqual(SUCCESS)
    expect(trace.payload).toEqual({})
  })

  it('publishes the outcome after the synchronous part', () => {
    const { channel, events } = observedChannel()
    const trace = new Trace(channel, {})
    trace.begin(() => trace.settle())
    expect(events).toEqual(SUCCESS)
  })

  it('runs the operation, and its later parts, in the functions that subscribers of start set', () => {
    const { channel, events } = observedChannel()
    const storage = new AsyncLocalStorage<string>()
    const inner = boundTo(channel)
    for (const name of ['a', 'b'])
      channel.start.subscribe((message) => {
        const payload = message as TracedPayload
        const { around } = payload
        payload.around = (work) => {
          events.push(name)
          return storage.run(name, around === undefined ? work : () => around(work))
        }
      })
    const trace = new Trace(channel, {})
    const stores = (): unknown[] => [storage.getStore(), inner.getStore()]
    expect(trace.begin(stores)).toEqual(['a', 'bound'])
    expect(events).toEqual(['start', 'b', 'a', 'end'])
    expect(stores()).toEqual([undefined, undefined])
    expect(trace.run(stores)).toEqual(['a', 'bound'])
  })

  it('fails an operation that throws', () => {
    const { channel, events } = observedChannel()
    const error = new Error('thrown')
    const trace = new Trace(channel, {})
    const begin = (): void =>
      trace.begin(() => {
        throw error
      })
    expect(begin).toThrow(error)
    expect(events).toEqual(FAILURE)
    expect(trace.payload).toEqual({ error })
  })

  it('reports an error that is undefined', () => {
    const { channel, events } = observedChannel()
    const trace = new Trace(channel, {})
    trace.begin(() => {})
    trace.fail(undefined)
    expect(events).toEqual(FAILURE)
  })

  it('lets a loop leave an iterator that has no return', async () => {
    const { channel } = observedChannel()
    const trace = new Trace(channel, {})
    const asyncSource = {
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: 7 }) }),
    }
    const source = {
      [Symbol.iterator]: () => ({ next: () => ({ done: false as const, value: 7 }) }),
    }
    const taken: number[] = []
    for await (const item of trace.bind(asyncSource)) {
      taken.push(item)
      break
    }
    for (const item of trace.bind(source)) {
      taken.push(item)
      break
    }
    expect(taken).toEqual([7, 7])
  })

  it('runs every part of the operation in the context that a subscriber binds', async () => {
    const { channel } = observedChannel()
    const storage = boundTo(channel)
    const seen: (string | undefined)[] = []
    channel.asyncEnd.subscribe(() => seen.push(storage.getStore()))
    const trace = new Trace(channel, {})
    trace.begin(() => seen.push(storage.getStore()))
    expect(storage.getStore()).toBeUndefined()
    trace.run(() => seen.push(storage.getStore()))
    trace.settle()
    expect(seen).toEqual(['bound', 'bound', 'bound'])
  })

  it.each([
    [
      'async',
      async function* (storage: AsyncLocalStorage<string>) {
        try {
          yield storage.getStore()
          await Promise.resolve()
          yield storage.getStore()
          yield storage.getStore()
        } finally {
          left.push(storage.getStore())
        }
      },
    ],
    [
      'plain',
      function* (storage: AsyncLocalStorage<string>) {
        try {
          yield storage.getStore()
          yield storage.getStore()
          yield storage.getStore()
        } finally {
          left.push(storage.getStore())
        }
      },
    ],
  ])('runs an %s generator in its context', async (_kind, generator) => {
    left.length = 0
    const { channel } = observedChannel()
    const storage = boundTo(channel)
    const trace = new Trace(channel, {})
    trace.begin(() => {})
    const seen: unknown[] = []
    for await (const item of trace.bind(generator(storage) as AsyncIterable<unknown>)) {
      seen.push(item)
      if (seen.length === 2) break
    }
    expect(seen).toEqual(['bound', 'bound'])
    expect(left).toEqual(['bound'])
  })

  it('continues when subscribers throw', async () => {
    count += 1
    const channel = tracingChannel(`test:${count}`)
    for (const name of EVENTS)
      channel[name].subscribe(() => {
        throw new Error(`of ${name}`)
      })
    const thrown = await collectUncaught(async () => {
      const promise = tracePromise(
        channel,
        () => ({}),
        () => Promise.reject(new RangeError('its own')),
      )
      await expect(promise).rejects.toThrow('its own')
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect(thrown.map((error) => (error as Error).message)).toEqual(FAILURE.map((name) => `of ${name}`))
  })
})

const left: unknown[] = []

describe('tracePromise', () => {
  it('creates no payload without a subscriber', async () => {
    count += 1
    const channel = tracingChannel(`test:${count}`)
    const payloads: unknown[] = []
    const payloadOf = (): object => {
      throw new Error('not wanted')
    }
    await tracePromise(channel, payloadOf, async (payload) => payloads.push(payload))
    expect(payloads).toEqual([undefined])
  })
})

describe('isTraced', () => {
  it.each(EVENTS)('is true with a subscriber of %s', (name) => {
    count += 1
    const channel = tracingChannel(`test:${count}`)
    expect(isTraced(channel)).toBe(false)
    const listener = (): void => {}
    channel[name].subscribe(listener)
    expect(isTraced(channel)).toBe(true)
    channel[name].unsubscribe(listener)
    expect(isTraced(channel)).toBe(false)
  })

  it('is true with a bound store', () => {
    count += 1
    const channel = tracingChannel(`test:${count}`)
    boundTo(channel)
    expect(isTraced(channel)).toBe(true)
  })
})
