import { whenAborted } from '../abort-waits.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { LinkedQueue, type QueueLinks } from '../linked-queue.js'
import { checkOptionNames, integer } from '../options.js'
import type {
  InterceptedAnswer,
  InterceptedCall,
  Interceptor,
  NextInterceptor,
} from '../service/interceptors.js'
import { isTimeoutReason, observeCall } from './call-outcome.js'
import { millisecondsOption } from './check-options.js'
import { type Clock, clockOption } from './clock.js'
import { refusal } from './refusal.js'
import { withMembers } from './with-members.js'

/** The options of `bulkhead`. */
export interface BulkheadOptions {
  /** The calls that can be open at once. 1 to 1,000,000. Default 64. */
  concurrency?: number | undefined
  /** The further calls that wait for a place, in their order. 0 to 1,000,000. Default 0: they are refused. */
  waiting?: number | undefined
  /** The longest wait, in milliseconds. From 1. Default 1,000. */
  waitMs?: number | undefined
  /** For tests. */
  clock?: Clock | undefined
}

/** The interceptor of `bulkhead`. All calls of all clients or services that have it share its places. */
export interface Bulkhead extends Interceptor {
  /** Calls that are open now. */
  readonly running: number
  /** Calls that wait for a place now. */
  readonly waiting: number
  /** Calls that were refused since the bulkhead was created. */
  readonly refused: number
}

const OPTION_NAMES: readonly string[] = [
  'concurrency',
  'waiting',
  'waitMs',
  'clock',
] satisfies (keyof BulkheadOptions)[]
const CALLS_MAX = 1_000_000

/**
 * Limits the calls that are open at once, so that one slow service cannot take all memory and time of its caller. A stream has a place until it
 * ends. Refused calls have the status RESOURCE_EXHAUSTED, the reason `BULKHEAD_FULL` and `executed: 'no'`. The methods that every service has,
 * such as `$ping`, take no place and are never refused.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function bulkhead(options: BulkheadOptions = {}): Bulkhead {
  checkOptionNames(options, OPTION_NAMES)
  const clock = clockOption(options.clock)
  const places = new Places(
    {
      concurrency: integer('concurrency', options.concurrency ?? 64, 1, CALLS_MAX),
      waiting: integer('waiting', options.waiting ?? 0, 0, CALLS_MAX),
      waitMs: millisecondsOption('waitMs', options.waitMs ?? 1_000, 1),
    },
    clock,
  )
  const run = async (next: NextInterceptor, call: InterceptedCall): Promise<InterceptedAnswer> => {
    const beganMs = clock.nowMs()
    await places.take(call)
    const remainingMs = Math.max(0, call.remainingMs - (clock.nowMs() - beganMs))
    return observeCall(next, { ...call, remainingMs }, clock, { ended: () => places.release() })
  }
  // A service that is full is not dead.
  const interceptor: Interceptor = (next) => (call) =>
    call.method.startsWith('$') ? next(call) : run(next, call)
  return withMembers(interceptor, {
    get running() {
      return places.running
    },
    get waiting() {
      return places.waiting
    },
    get refused() {
      return places.refused
    },
  })
}

interface PlaceSettings {
  readonly concurrency: number
  readonly waiting: number
  readonly waitMs: number
}

interface Waiter extends QueueLinks<Waiter> {
  readonly enter: () => void
}

/** The places of a bulkhead, and the calls that wait for one. */
class Places {
  readonly #settings: PlaceSettings
  readonly #clock: Clock
  readonly #queue = new LinkedQueue<Waiter>()
  running = 0
  refused = 0

  constructor(settings: PlaceSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Resolves when the call has a place. Rejects with the reason `BULKHEAD_FULL`, also at the deadline of the call, or with `ABORTED`. */
  async take(call: InterceptedCall): Promise<void> {
    const { concurrency, waiting } = this.#settings
    if (this.running < concurrency) this.running += 1
    else if (this.#queue.length < waiting) await this.#wait(call)
    else throw this.#full(call, `${concurrency} calls are open and ${this.#queue.length} wait, the limits`)
  }

  /** Passes the place to the call that waits longest. */
  release(): void {
    const waiter = this.#queue.shift()
    if (waiter === undefined) this.running -= 1
    else waiter.enter()
  }

  #wait(call: InterceptedCall): Promise<void> {
    const { signal, remainingMs } = call
    const { waitMs, concurrency } = this.#settings
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel()
        stopListening()
      }
      const waiter: Waiter = {
        queue: undefined,
        previous: undefined,
        next: undefined,
        enter: () => {
          stop()
          resolve()
        },
      }
      const leave = (errorOf: () => Error): void => {
        if (!this.#queue.remove(waiter)) return
        stop()
        reject(errorOf())
      }
      let cancel = (): void => {}
      let stopListening = (): void => {}
      this.#queue.push(waiter)
      // A deadline here says nothing about the service, and must not count as its failure.
      const expired = (why: string): void =>
        leave(() => this.#full(call, `${concurrency} calls were open ${why}`))
      cancel = this.#clock.after(Math.min(waitMs, remainingMs), () =>
        expired(remainingMs < waitMs ? 'until its deadline' : `for ${waitMs} ms, the longest wait`),
      )
      stopListening = whenAborted(signal, () => {
        if (isTimeoutReason(signal.reason)) expired('until the deadline of its signal')
        else leave(() => aborted(signal))
      })
    })
  }

  #full(call: InterceptedCall, why: string): Error {
    this.refused += 1
    return refusal('RESOURCE_EXHAUSTED', 'BULKHEAD_FULL', call, why)
  }
}

function aborted(signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, 'the call was aborted while it waited for a place', {
    cause: signal.reason,
    executed: 'no',
  })
}
