import { AsyncResource } from 'node:async_hooks'
import type { TracingChannel } from 'node:diagnostics_channel'

/** The payload of an operation, which each of its events gets. */
export interface TracedPayload {
  /** Of an operation that has failed. */
  error?: unknown
  /**
   * A subscriber of `start` can set it: it runs the operation inside, and must call `work` once and return its result. For contexts that have no
   * AsyncLocalStorage to bind. A subscriber that finds a function here calls it in its own.
   */
  around?: Around | undefined
}

/** Runs `work` in a context. */
export type Around = <T>(work: () => T) => T

/**
 * Whether anything observes the operations of a channel. Create a `Trace` only then. Bun has no `TracingChannel.hasSubscribers`
 * (https://github.com/oven-sh/bun/issues/27805), so this reads its parts.
 */
export function isTraced({ start, end, asyncStart, asyncEnd, error }: TracingChannel): boolean {
  return (
    start.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers
  )
}

/**
 * One observed operation. It publishes `start`, then `end` when its synchronous part is over, and at its end `error`, if it has failed, and
 * `asyncStart` and `asyncEnd`: each once. An error of a subscriber is an uncaught exception, which diagnostics_channel reports.
 */
export class Trace<Payload extends TracedPayload = TracedPayload> {
  readonly payload: Payload
  readonly #channel: TracingChannel
  /** The stores that subscribers of `start` have bound. */
  #context: AsyncResource | undefined
  #hasBegun = false
  #isSettled = false
  #hasFailed = false

  constructor(channel: TracingChannel, payload: Payload) {
    this.#channel = channel
    this.payload = payload
  }

  /** Publishes `start`, runs the operation in the contexts that its subscribers bind or set, and publishes `end`. An operation that throws has failed. */
  begin<T>(work: () => T): T {
    return this.#channel.start.runStores(this.payload, () => {
      const { around } = this.payload
      return around === undefined ? this.#begun(work) : around(() => this.#begun(work))
    })
  }

  /** Runs a later part of the operation in its context. */
  run<T>(work: () => T): T {
    return this.#context === undefined ? work() : this.#context.runInAsyncScope(work)
  }

  /** The operation has ended. Its first end counts. */
  settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    if (this.#hasBegun) this.run(() => this.#publishOutcome())
  }

  /** The operation has ended with an error. */
  fail(error: unknown): void {
    if (this.#isSettled) return
    this.#hasFailed = true
    this.payload.error = error
    this.settle()
  }

  /** The same messages. A generator runs in the context of the code that calls `next`, so each call enters that of the operation. */
  bind<Source extends AsyncIterable<unknown> | Iterable<unknown>>(source: Source): Source
  bind(source: AsyncIterable<unknown> | Iterable<unknown>): object {
    if (Symbol.asyncIterator in source)
      return { [Symbol.asyncIterator]: () => this.#bound(() => source[Symbol.asyncIterator]()) }
    return { [Symbol.iterator]: () => this.#bound(() => source[Symbol.iterator]()) }
  }

  #begun<T>(work: () => T): T {
    this.#context = new AsyncResource('SHMWIRE_TRACE')
    try {
      return work()
    } catch (error) {
      this.fail(error)
      throw error
    } finally {
      this.#channel.end.publish(this.payload)
      this.#hasBegun = true
      if (this.#isSettled) this.#publishOutcome()
    }
  }

  #bound(begin: () => Iterator<unknown> | AsyncIterator<unknown>): object {
    const iterator = this.run(begin)
    const next = (): unknown => this.run(() => iterator.next())
    // A loop fails if `return` exists and returns no result.
    if (iterator.return === undefined) return { next }
    return { next, return: () => this.run(() => iterator.return?.()) }
  }

  #publishOutcome(): void {
    const { error, asyncStart, asyncEnd } = this.#channel
    if (this.#hasFailed) error.publish(this.payload)
    asyncStart.publish(this.payload)
    asyncEnd.publish(this.payload)
  }
}

/** Runs an operation that returns a promise. `run` gets the payload if anything observes the channel; then it can complete the payload. */
export function tracePromise<Payload extends TracedPayload, T>(
  channel: TracingChannel,
  payloadOf: () => Payload,
  run: (payload: Payload | undefined) => Promise<T>,
): Promise<T> {
  if (!isTraced(channel)) return run(undefined)
  const trace = new Trace(channel, payloadOf())
  return trace.begin(() => settledBy(trace, run(trace.payload)))
}

/** The same outcome, which ends the trace. */
export function settledBy<T>(trace: Trace, promise: Promise<T>): Promise<T> {
  return promise.then(
    (value) => {
      trace.settle()
      return value
    },
    (error: unknown) => {
      trace.fail(error)
      throw error
    },
  )
}
