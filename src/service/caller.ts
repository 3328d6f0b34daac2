import { onceAborted } from '../abort-waits.js'
import { ShmwireError } from '../errors.js'
import { clearTimeout, newAbortController, nowMs, setTimeout } from '../host.js'
import type { CallSettings } from './call/begin-call.js'
import type { AnyOutcome } from './call/call-outcomes.js'
import type { CalledMethod } from './call/called-method.js'
import type { CallCarrier, CallerConnection, Streaming } from './call-carrier.js'
import type { CallStream } from './contract/contract-types.js'
import { type BegunStream, DeferredStream } from './deferred-stream.js'
import type { RetryBudget } from './retry-budget.js'
import { asPossiblyRun, isRepeatable, retryWaitMs } from './retry-rules.js'

/** The behaviour of a call while there is no server: it fails at once, or waits for one within its bounds. */
export type WhenUnavailable = 'fail' | 'wait'

export interface CallerSettings {
  readonly whenUnavailable: WhenUnavailable
  /** Per call. */
  readonly retriesMax: number
}

/** Begins a call whose answer can be a stream. */
type Begin = (calls: CallCarrier, settings: CallSettings) => Streaming

interface Single {
  readonly method: CalledMethod
  readonly request: unknown
  readonly settings: CallSettings
  readonly resolve: (message: unknown) => void
  readonly reject: (error: Error) => void
  readonly beganMs: number
}

/** Makes the calls of a client over its connection. */
export class Caller {
  readonly #connection: CallerConnection
  readonly #waits: boolean
  readonly #retriesMax: number
  readonly #budget: RetryBudget

  constructor(connection: CallerConnection, budget: RetryBudget, settings: CallerSettings) {
    this.#connection = connection
    this.#budget = budget
    this.#waits = settings.whenUnavailable === 'wait'
    this.#retriesMax = settings.retriesMax
  }

  /** A call with one message as its answer. */
  single(method: CalledMethod, request: unknown, settings: CallSettings): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = { method, request, settings, resolve, reject, beganMs: nowMs() }
      const { calls } = this.#connection
      if (calls === undefined) this.#whenAbsent(call, 0)
      else this.#attempt(calls, call, settings, 0)
    })
  }

  /** A call with a stream of messages as its answer. */
  stream(method: CalledMethod, request: unknown, settings: CallSettings): CallStream<unknown> {
    const begin: Begin = (calls, bounded) => calls.stream(method, request, bounded)
    const { calls } = this.#connection
    const { stream } = calls === undefined ? this.#deferred(settings, begin, ignore) : begin(calls, settings)
    return stream
  }

  /** A call without a contract. `outcome` gets one message, or the news that `stream` of the returned object has the messages. */
  any(method: CalledMethod, request: unknown, settings: CallSettings, outcome: AnyOutcome): Streaming {
    const begin: Begin = (calls, bounded) => calls.any(method, request, bounded, outcome)
    const { calls } = this.#connection
    return calls === undefined
      ? this.#deferred(settings, begin, (error) => outcome.error(error))
      : begin(calls, settings)
  }

  /** Begins the call when there is a server. */
  #deferred(settings: CallSettings, begin: Begin, onAbsent: (error: Error) => void): Streaming {
    const beganMs = nowMs()
    const leaving = newAbortController()
    const waiting: BegunStream = { stream: undefined }
    const source = this.#ready({ ...settings, signals: [...settings.signals, leaving.signal] }).then(
      (calls) => {
        const { stream } = begin(calls, remaining(settings, beganMs))
        waiting.stream = stream
        return stream
      },
    )
    source.catch(onAbsent)
    return { stream: new DeferredStream(source, () => leaving.abort(), waiting) }
  }

  #attempt(calls: CallCarrier, single: Single, settings: CallSettings, attempt: number): void {
    const { method, request } = single
    const fail = (error: Error): void => this.#failed(error, single, attempt)
    const resolve = this.#budget.isFull
      ? single.resolve
      : (message: unknown): void => {
          this.#budget.succeeded()
          single.resolve(message)
        }
    calls.single(method, request, settings, resolve, fail)
  }

  #failed(error: Error, single: Single, attempt: number): void {
    const mayRetry = attempt < this.#retriesMax && isRepeatable(error, single.method)
    const delayMs = mayRetry ? retryWaitMs(error, attempt + 1) : undefined
    if (delayMs === undefined || !this.#budget.take()) {
      single.reject(error)
      return
    }
    const surelyDidNotRun = error instanceof ShmwireError && error.executed === 'no'
    const again = surelyDidNotRun ? single : { ...single, reject: rejectAsRun(single.reject) }
    const retry = (): void => {
      clearTimeout(timer)
      for (const stopListening of listening) stopListening()
      this.#retry(error, again, attempt + 1)
    }
    const timer = setTimeout(retry, Math.min(delayMs, remaining(single.settings, single.beganMs).timeoutMs))
    // The next attempt reports the signal.
    const listening = single.settings.signals.map((signal) => onceAborted(signal, retry))
  }

  #retry(error: Error, single: Single, attempt: number): void {
    const settings = remaining(single.settings, single.beganMs)
    const { calls } = this.#connection
    if (settings.timeoutMs <= 0 || (calls === undefined && !this.#waits)) single.reject(error)
    else if (calls === undefined) this.#whenAbsent(single, attempt)
    else this.#attempt(calls, single, settings, attempt)
  }

  #whenAbsent(single: Single, attempt: number): void {
    const { settings, beganMs } = single
    void this.#ready(remaining(settings, beganMs)).then(
      (calls) => this.#attempt(calls, single, remaining(settings, beganMs), attempt),
      single.reject,
    )
  }

  #ready(settings: CallSettings): Promise<CallCarrier> {
    return this.#waits ? this.#connection.ready(settings) : Promise.reject(this.#connection.absence())
  }
}

/** The settings of an attempt that begins later than its call. */
function remaining(settings: CallSettings, beganMs: number): CallSettings {
  return { ...settings, timeoutMs: Math.max(0, settings.timeoutMs - (nowMs() - beganMs)) }
}

/** An earlier attempt may have run, so the call may have, whatever its last attempt reports. */
function rejectAsRun(reject: (error: Error) => void): (error: Error) => void {
  return (error) => reject(asPossiblyRun(error))
}

function ignore(): void {}
