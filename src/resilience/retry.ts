import type { ShmwireError } from '../errors.js'
import type { BackOff } from '../keep-connected.js'
import { checkOptionNames, integer, invalid, misuse } from '../options.js'
import {
  type InterceptedAnswer,
  type InterceptedCall,
  type Interceptor,
  type NextInterceptor,
  REPLACES_RETRIES,
} from '../service/interceptors.js'
import { RetryBudget } from '../service/retry-budget.js'
import {
  asPossiblyRun,
  isRepeatable,
  RETRY_DELAY_MS,
  RETRY_DELAY_MS_MAX,
  retryWaitMs,
} from '../service/retry-rules.js'
import type { Status } from '../status.js'
import { runApart } from '../uncaught.js'
import { callbackOption, millisecondsOption, statusesOption } from './check-options.js'
import { type Clock, clockOption, delay } from './clock.js'
import { withMembers } from './with-members.js'

/** A retry that follows, for `RetryOptions.onRetry`. */
export interface RetriedCall {
  readonly call: InterceptedCall
  /** That of the attempt that failed. */
  readonly error: ShmwireError
  /** The attempt that failed, from 1. */
  readonly attempt: number
  /** The wait before the next attempt. */
  readonly delayMs: number
}

/** The options of `retry`. */
export interface RetryOptions {
  /** How often a call is repeated. 0 to 10. Default 2. */
  retries?: number | undefined
  /** The waits between attempts, in milliseconds: `minMs` 20, `maxMs` 2,000. */
  backOff?: BackOff | undefined
  /** Bounds the retries of all calls together. Default: one of its own. Several clients, and `hedge`, can share one. */
  budget?: RetryBudget | undefined
  /** Calls that fail with one of these statuses are repeated, if that is safe. Default `['UNAVAILABLE']`. */
  statuses?: readonly Status[] | undefined
  /** The longest time of an attempt, in milliseconds. An attempt that takes longer is repeated if its method is idempotent. Default: none. */
  attemptTimeoutMs?: number | undefined
  /** Called before each wait. */
  onRetry?: ((retried: RetriedCall) => void) | undefined
  /** Numbers from 0 to 1, for the waits. Default `Math.random`. */
  random?: (() => number) | undefined
  /** For tests. */
  clock?: Clock | undefined
}

/** The interceptor of `retry`. */
export interface RetryInterceptor extends Interceptor {
  readonly budget: RetryBudget
  /** The retries that were made. */
  readonly retries: number
}

interface Settings {
  readonly retries: number
  readonly minMs: number
  readonly maxMs: number
  readonly budget: RetryBudget
  readonly statuses: readonly Status[]
  readonly attemptTimeoutMs: number
  readonly onRetry: ((retried: RetriedCall) => void) | undefined
  readonly random: (() => number) | undefined
  readonly clock: Clock
}

const OPTION_NAMES: readonly string[] = [
  'retries',
  'backOff',
  'budget',
  'statuses',
  'attemptTimeoutMs',
  'onRetry',
  'random',
  'clock',
] satisfies (keyof RetryOptions)[]
const RETRIES = 2
const RETRIES_MAX = 10
const DELAY_MS_MAX = 3_600_000

/**
 * Repeats calls of a client that failed, with waits that grow and are random: calls that surely did not run (`executed: 'no'`), and calls of
 * idempotent methods. It replaces the option `retries` of the client. Calls of streams, and calls without a contract, are not repeated.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function retry(options: RetryOptions = {}): RetryInterceptor {
  const settings = settingsOf(options)
  let retries = 0
  const onRetry = (retried: RetriedCall): void => {
    retries += 1
    if (settings.onRetry !== undefined) runApart(() => settings.onRetry?.(retried))
  }
  const interceptor: Interceptor = (next) => (call) => {
    if (call.side === 'service')
      throw misuse('retry is an interceptor of clients; pass it to client, not to serve')
    return call.kind === 'unary' ? attempts(next, call, settings, onRetry) : next(call)
  }
  return withMembers(interceptor, {
    [REPLACES_RETRIES]: true,
    budget: settings.budget,
    get retries() {
      return retries
    },
  })
}

async function attempts(
  next: NextInterceptor,
  call: InterceptedCall,
  settings: Settings,
  onRetry: (retried: RetriedCall) => void,
): Promise<InterceptedAnswer> {
  const { clock, budget, attemptTimeoutMs } = settings
  const beganMs = clock.nowMs()
  const remainingMs = (): number => Math.max(0, call.remainingMs - (clock.nowMs() - beganMs))
  let mayHaveRun = false
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await next({ ...call, remainingMs: Math.min(remainingMs(), attemptTimeoutMs) })
      budget.succeeded(call.metadata)
      return answer
    } catch (error) {
      const delayMs = retryDelay(error, call, attempt, settings)
      if (delayMs === undefined || delayMs >= remainingMs() || call.signal.aborted || !budget.take())
        throw mayHaveRun ? asPossiblyRun(error) : error
      const failed = error as ShmwireError
      mayHaveRun ||= failed.executed !== 'no'
      onRetry({ call, error: failed, attempt, delayMs })
      // If the signal fires, the next attempt reports it.
      await delay(clock, delayMs, call.signal)
    }
  }
}

/** The wait before the next attempt. Undefined: none follows. */
function retryDelay(
  error: unknown,
  call: InterceptedCall,
  attempt: number,
  { retries, statuses, attemptTimeoutMs, minMs, maxMs, random }: Settings,
): number | undefined {
  if (attempt > retries) return undefined
  const repeated: readonly Status[] =
    attemptTimeoutMs === Number.POSITIVE_INFINITY ? statuses : [...statuses, 'DEADLINE_EXCEEDED']
  if (!isRepeatable(error, call, repeated)) return undefined
  return retryWaitMs(error, attempt, minMs, maxMs, random)
}

function settingsOf(options: RetryOptions): Settings {
  checkOptionNames(options, OPTION_NAMES)
  const { retries = RETRIES, backOff = {}, budget = new RetryBudget(), statuses = ['UNAVAILABLE'] } = options
  checkOptionNames(backOff, ['minMs', 'maxMs'], 'backOff')
  const minMs = integer('backOff.minMs', backOff.minMs ?? RETRY_DELAY_MS, 1, DELAY_MS_MAX)
  const maxMs = integer(
    'backOff.maxMs',
    backOff.maxMs ?? Math.max(RETRY_DELAY_MS_MAX, minMs),
    minMs,
    DELAY_MS_MAX,
  )
  return {
    retries: integer('retries', retries, 0, RETRIES_MAX),
    minMs,
    maxMs,
    budget: budgetOption(budget),
    statuses: statusesOption('statuses', statuses),
    attemptTimeoutMs:
      options.attemptTimeoutMs === undefined
        ? Number.POSITIVE_INFINITY
        : millisecondsOption('attemptTimeoutMs', options.attemptTimeoutMs, 1),
    onRetry: callbackOption('onRetry', options.onRetry),
    random: callbackOption('random', options.random),
    clock: clockOption(options.clock),
  }
}

/** Throws `INVALID_ARGUMENT`. */
export function budgetOption(budget: RetryBudget): RetryBudget {
  if (budget instanceof RetryBudget) return budget
  throw invalid('budget', budget, 'a RetryBudget')
}
