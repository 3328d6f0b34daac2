import { numberOption } from '../number-option.js'
import { checkOptionNames, invalid } from '../options.js'
import type { InterceptedCall, Interceptor } from '../service/interceptors.js'
import { callbackOption, millisecondsOption } from './check-options.js'
import { type Clock, clockOption } from './clock.js'
import { LoopDelay } from './loop-delay.js'
import { refusal } from './refusal.js'
import { withMembers } from './with-members.js'

/** How long a call is kept under load: calls with the priority `low` are refused first. */
export type CallPriority = 'low' | 'normal' | 'high'

/** The delays of the event loop at which calls of each priority begin to be refused, in milliseconds; Infinity: never. */
export interface LoadLimits {
  /** Default 50. */
  low?: number | undefined
  /** Default 100. */
  normal?: number | undefined
  /** Default 500. */
  high?: number | undefined
}

/** The options of `loadShedding`. */
export interface LoadSheddingOptions {
  limitsMs?: LoadLimits | undefined
  /** The priority of a call, for example by its method or its identity. Default: `normal` for all. */
  priority?: ((call: InterceptedCall) => CallPriority) | undefined
  /** The time after which refused callers may call again, in milliseconds: `retryDelayMs` of the error. From 0. Default 1,000. */
  retryDelayMs?: number | undefined
  /** Numbers from 0 to 1, for the choice of calls. Default `Math.random`. */
  random?: (() => number) | undefined
  /** For tests. */
  clock?: Clock | undefined
}

/** The interceptor of `loadShedding`. */
export interface LoadShedding extends Interceptor {
  /** How late the last timers of 20 ms were: a mean in which newer ones count more. In milliseconds; 0 if no call arrived for a second. */
  readonly delayMs: number
  /** Calls that were refused since the interceptor was created. */
  readonly refused: number
}

const OPTION_NAMES: readonly string[] = [
  'limitsMs',
  'priority',
  'retryDelayMs',
  'random',
  'clock',
] satisfies (keyof LoadSheddingOptions)[]
const PRIORITIES: readonly CallPriority[] = ['low', 'normal', 'high']
const LIMITS_MS: Readonly<Record<CallPriority, number>> = { low: 50, normal: 100, high: 500 }

/**
 * Refuses calls of a service, or of a gateway, while its event loop is late, so that the others are answered in time. The part of the calls that is
 * refused grows from none at the limit to all at twice the limit. Refused calls have the status UNAVAILABLE, the reason `OVERLOADED`,
 * `executed: 'no'` and `details: { retryDelayMs }`. The methods that every service has, such as `$ping`, are never refused.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function loadShedding(options: LoadSheddingOptions = {}): LoadShedding {
  checkOptionNames(options, OPTION_NAMES)
  const limits = limitsOption(options.limitsMs ?? {})
  const priorityOf = callbackOption('priority', options.priority) ?? ((): CallPriority => 'normal')
  const retryDelayMs = millisecondsOption('retryDelayMs', options.retryDelayMs ?? 1_000, 0)
  const random = callbackOption('random', options.random) ?? Math.random
  const loop = new LoopDelay(clockOption(options.clock))
  let refused = 0
  const interceptor: Interceptor = (next) => async (call) => {
    loop.used()
    const { delayMs } = loop
    if (delayMs > 0 && !call.method.startsWith('$')) {
      const limitMs = limits[checkedPriority(priorityOf(call))]
      if (delayMs >= limitMs && random() < (delayMs - limitMs) / limitMs) {
        refused += 1
        throw refusal(
          'UNAVAILABLE',
          'OVERLOADED',
          call,
          `the event loop is ${Math.round(delayMs)} ms late, more than ${limitMs} ms; call again later`,
          retryDelayMs,
        )
      }
    }
    return next(call)
  }
  return withMembers(interceptor, {
    get delayMs() {
      return loop.delayMs
    },
    get refused() {
      return refused
    },
  })
}

function limitsOption(limits: LoadLimits): Record<CallPriority, number> {
  checkOptionNames(limits, PRIORITIES, 'limitsMs')
  const checked = { ...LIMITS_MS }
  for (const priority of PRIORITIES) {
    const limitMs = limits[priority]
    if (limitMs !== undefined)
      checked[priority] = numberOption(`limitsMs.${priority}`, limitMs, 1, Number.POSITIVE_INFINITY)
  }
  return checked
}

function checkedPriority(priority: CallPriority): CallPriority {
  if (PRIORITIES.includes(priority)) return priority
  throw invalid('the result of priority', priority, `one of ${PRIORITIES.join(', ')}`)
}
