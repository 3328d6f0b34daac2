import { whenAborted } from '../abort-waits.js'
import { type Executed, ShmwireError } from '../errors.js'
import { newAbortController } from '../host.js'
import { checkOptionNames, integer, misuse } from '../options.js'
import type {
  InterceptedAnswer,
  InterceptedCall,
  Interceptor,
  NextInterceptor,
} from '../service/interceptors.js'
import { RetryBudget } from '../service/retry-budget.js'
import { asPossiblyRun } from '../service/retry-rules.js'
import { millisecondsOption } from './check-options.js'
import { type Clock, clockOption } from './clock.js'
import { budgetOption } from './retry.js'
import { withMembers } from './with-members.js'

/** The options of `hedge`. */
export interface HedgeOptions {
  /**
   * The time without an answer after which a further attempt begins, in milliseconds. Choose one that few calls reach, for example the `p99` of
   * `$stats`. From 0.
   */
  delayMs: number
  /** The further attempts of a call. 1 to 3. Default 1. */
  hedges?: number | undefined
  /** Each further attempt takes a token of it. Default: one of its own. Share that of `retry`. */
  budget?: RetryBudget | undefined
  /** For tests. */
  clock?: Clock | undefined
}

/** The interceptor of `hedge`. */
export interface HedgeInterceptor extends Interceptor {
  readonly budget: RetryBudget
  /** The further attempts that were made. */
  readonly hedges: number
  /** Of these, attempts that answered first. */
  readonly wins: number
}

interface Settings {
  readonly delayMs: number
  readonly hedges: number
  readonly budget: RetryBudget
  readonly clock: Clock
}

interface Counts {
  hedges: number
  wins: number
}

const OPTION_NAMES: readonly string[] = [
  'delayMs',
  'hedges',
  'budget',
  'clock',
] satisfies (keyof HedgeOptions)[]
const HEDGES_MAX = 3

/**
 * Makes a call of a client again while the first attempt has not answered, and takes the first answer; the other attempts are cancelled (J.
 * Dean, L. A. Barroso, "The Tail at Scale", 2013). Only calls of idempotent methods with one message and one answer; the others pass unchanged.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function hedge(options: HedgeOptions): HedgeInterceptor {
  checkOptionNames(options, OPTION_NAMES)
  const settings: Settings = {
    delayMs: millisecondsOption('delayMs', options.delayMs, 0),
    hedges: integer('hedges', options.hedges ?? 1, 1, HEDGES_MAX),
    budget: budgetOption(options.budget ?? new RetryBudget()),
    clock: clockOption(options.clock),
  }
  const counts: Counts = { hedges: 0, wins: 0 }
  const interceptor: Interceptor = (next) => (call) => {
    if (call.side === 'service')
      throw misuse('hedge is an interceptor of clients; pass it to client, not to serve')
    if (call.kind !== 'unary' || !call.idempotent) return next(call)
    return new Promise((resolve, reject) => {
      new HedgedCall(next, call, settings, counts, { resolve, reject }).begin()
    })
  }
  return withMembers(interceptor, {
    budget: settings.budget,
    get hedges() {
      return counts.hedges
    },
    get wins() {
      return counts.wins
    },
  })
}

interface Promised {
  readonly resolve: (answer: InterceptedAnswer) => void
  readonly reject: (error: unknown) => void
}

/** The attempts of one call. */
class HedgedCall {
  readonly #next: NextInterceptor
  readonly #call: InterceptedCall
  readonly #settings: Settings
  readonly #counts: Counts
  readonly #promised: Promised
  readonly #beganMs: number
  readonly #open = new Set<AbortController>()
  #made = 0
  #over = false
  /** Of the first attempt. */
  #firstError: { readonly error: unknown } | undefined
  #executed: Executed = 'no'
  #cancelTimer: () => void = () => {}

  constructor(
    next: NextInterceptor,
    call: InterceptedCall,
    settings: Settings,
    counts: Counts,
    promised: Promised,
  ) {
    this.#next = next
    this.#call = call
    this.#settings = settings
    this.#counts = counts
    this.#promised = promised
    this.#beganMs = settings.clock.nowMs()
  }

  begin(): void {
    this.#attempt()
    this.#arm()
  }

  #arm(): void {
    const { clock, delayMs, hedges, budget } = this.#settings
    if (this.#over || this.#made > hedges) return
    this.#cancelTimer = clock.after(delayMs, () => {
      if (!budget.take()) return
      this.#counts.hedges += 1
      this.#attempt()
      this.#arm()
    })
  }

  #attempt(): void {
    const { signal: callerSignal, remainingMs } = this.#call
    const isHedge = this.#made > 0
    const controller = newAbortController()
    const stopListening = whenAborted(callerSignal, () => controller.abort(callerSignal.reason))
    this.#made += 1
    this.#open.add(controller)
    const elapsedMs = this.#settings.clock.nowMs() - this.#beganMs
    const attempt = {
      ...this.#call,
      signal: controller.signal,
      remainingMs: Math.max(0, remainingMs - elapsedMs),
    }
    void invoke(this.#next, attempt).then(
      (answer) => {
        stopListening()
        this.#open.delete(controller)
        if (!this.#over) this.#won(answer, isHedge)
      },
      (error: unknown) => {
        stopListening()
        this.#open.delete(controller)
        if (!this.#over) this.#lost(error, isHedge)
      },
    )
  }

  #won(answer: InterceptedAnswer, isHedge: boolean): void {
    if (isHedge) this.#counts.wins += 1
    this.#settings.budget.succeeded(this.#call.metadata)
    this.#end()
    this.#promised.resolve(answer)
  }

  /**
   * An attempt that did not run, or whose server is unavailable, leaves the call to the other attempts. If none is left, the call fails with the
   * error of the first attempt. Any other error decides the call.
   */
  #lost(error: unknown, isHedge: boolean): void {
    const failed = error instanceof ShmwireError ? error : undefined
    const ran = failed?.executed !== 'no'
    if (ran) this.#executed = 'unknown'
    const decides = ran && failed?.status !== 'UNAVAILABLE'
    if (!isHedge) this.#firstError = { error }
    if (!decides && this.#open.size > 0) return
    this.#end()
    const reported = decides || this.#firstError === undefined ? error : this.#firstError.error
    this.#promised.reject(this.#executed === 'no' ? reported : asPossiblyRun(reported))
  }

  /** Cancels the attempts that are still open. */
  #end(): void {
    this.#over = true
    this.#cancelTimer()
    for (const controller of this.#open) controller.abort()
  }
}

/** The last one of a chain can throw at once. */
async function invoke(next: NextInterceptor, call: InterceptedCall): Promise<InterceptedAnswer> {
  return next(call)
}
