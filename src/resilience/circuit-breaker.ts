import { ErrorCode, ShmwireError } from '../errors.js'
import { numberOption } from '../number-option.js'
import { checkOptionNames, integer, misuse } from '../options.js'
import type {
  InterceptedAnswer,
  InterceptedCall,
  Interceptor,
  NextInterceptor,
} from '../service/interceptors.js'
import type { Status } from '../status.js'
import { runApart } from '../uncaught.js'
import { type CallOutcome, isTimeout, observeCall } from './call-outcome.js'
import { callbackOption, millisecondsOption, statusesOption } from './check-options.js'
import { Circuit, type CircuitChange, type CircuitResult, type CircuitState } from './circuit.js'
import { type Clock, clockOption } from './clock.js'
import { refusal } from './refusal.js'
import { withMembers } from './with-members.js'

/** The options of `circuitBreaker`. */
export interface CircuitBreakerOptions {
  /** The share of calls that fail, of those in `windowMs`, at which the circuit opens. More than 0, to 1. Default 0.5. */
  failureShare?: number | undefined
  /** The circuit opens only after so many calls in `windowMs`. 1 to 1,000,000. Default 10. */
  callsMin?: number | undefined
  /** In milliseconds. From 10. Default 10,000. */
  windowMs?: number | undefined
  /** How long an open circuit refuses all calls, in milliseconds. From 1. Default 5,000. */
  openMs?: number | undefined
  /** A probe without a result for this time lets another one begin, in milliseconds. From 1. Default 30,000. */
  probeTimeoutMs?: number | undefined
  /**
   * The deadline of an attempt that had less time than this says nothing about the service, and does not count. In milliseconds. Set it longer
   * than most answers take, and shorter than the timeouts of the program. From 0. Default 100.
   */
  timeoutMinMs?: number | undefined
  /** Errors with one of these statuses are failures. Default UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN and DATA_LOSS. */
  failureStatuses?: readonly Status[] | undefined
  /** Called after each change of the state. */
  onStateChange?: ((change: CircuitChange) => void) | undefined
  /** For tests. */
  clock?: Clock | undefined
}

/** The interceptor of `circuitBreaker`. All calls of all clients that have it share one circuit. */
export interface CircuitBreaker extends Interceptor {
  /** Closed: calls pass. Open: calls are refused. Half-open: one call at a time passes, as a probe. */
  readonly state: CircuitState
  /** Calls in `windowMs` that succeeded, while the circuit was closed. */
  readonly successes: number
  /** Calls in `windowMs` that failed, while the circuit was closed. */
  readonly failures: number
  /** Calls that were refused since the breaker was created. */
  readonly refused: number
}

const OPTION_NAMES: readonly string[] = [
  'failureShare',
  'callsMin',
  'windowMs',
  'openMs',
  'probeTimeoutMs',
  'timeoutMinMs',
  'failureStatuses',
  'onStateChange',
  'clock',
] satisfies (keyof CircuitBreakerOptions)[]
const FAILURE_STATUSES: readonly Status[] = [
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
  'UNKNOWN',
  'DATA_LOSS',
]
const CALLS_MAX = 1_000_000

/**
 * Refuses calls at once while most calls fail, so that callers do not wait for a service that cannot answer, and it can recover. Refused calls
 * have the status UNAVAILABLE, the reason `CIRCUIT_OPEN`, `executed: 'no'` and `details: { retryDelayMs }`. It is an interceptor of clients.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  checkOptionNames(options, OPTION_NAMES)
  const clock = clockOption(options.clock)
  const onStateChange = callbackOption('onStateChange', options.onStateChange)
  const statuses = statusesOption('failureStatuses', options.failureStatuses ?? FAILURE_STATUSES)
  const timeoutMinMs = millisecondsOption('timeoutMinMs', options.timeoutMinMs ?? 100, 0)
  const settings = {
    failureShare: numberOption('failureShare', options.failureShare ?? 0.5, Number.MIN_VALUE, 1),
    callsMin: integer('callsMin', options.callsMin ?? 10, 1, CALLS_MAX),
    windowMs: millisecondsOption('windowMs', options.windowMs ?? 10_000, 10),
    openMs: millisecondsOption('openMs', options.openMs ?? 5_000, 1),
    probeTimeoutMs: millisecondsOption('probeTimeoutMs', options.probeTimeoutMs ?? 30_000, 1),
  }
  const circuit = new Circuit(
    settings,
    () => clock.nowMs(),
    (change) => {
      if (onStateChange !== undefined) runApart(() => onStateChange(change))
    },
  )
  let refused = 0
  const run = async (next: NextInterceptor, call: InterceptedCall): Promise<InterceptedAnswer> => {
    const admitted = circuit.admit()
    if (admitted === undefined) {
      refused += 1
      throw openError(call, circuit)
    }
    const beganMs = clock.nowMs()
    const hadTime = ({ code }: ShmwireError): boolean => {
      // A signal of the caller can fire before the deadline of the call.
      const spentMs = code === ErrorCode.ABORTED ? clock.nowMs() - beganMs : call.remainingMs
      return Math.min(spentMs, call.remainingMs) >= timeoutMinMs
    }
    return observeCall(next, call, clock, {
      answering: () => admitted.answering(),
      ended: (outcome) => admitted.settle(resultOf(outcome, statuses, hadTime)),
    })
  }
  const interceptor: Interceptor = (next) => (call) => {
    if (call.side === 'service')
      throw misuse('circuitBreaker is an interceptor of clients; pass it to client, not to serve')
    return run(next, call)
  }
  return withMembers(interceptor, {
    get state() {
      return circuit.state
    },
    get successes() {
      return circuit.counts.successes
    },
    get failures() {
      return circuit.counts.failures
    },
    get refused() {
      return refused
    },
  })
}

function openError(call: InterceptedCall, circuit: Circuit): Error {
  const why =
    circuit.state === 'open'
      ? 'the circuit is open because most calls failed'
      : 'the circuit is half-open and a probe runs'
  return refusal('UNAVAILABLE', 'CIRCUIT_OPEN', call, why, circuit.retryDelayMs)
}

/** `hadTime`: whether an attempt that ended with a deadline had enough time. */
function resultOf(
  outcome: CallOutcome,
  failureStatuses: readonly Status[],
  hadTime: (error: ShmwireError) => boolean,
): CircuitResult {
  if (outcome.kind === 'answered') return 'success'
  if (outcome.kind === 'left') return outcome.hadMessages ? 'success' : 'neither'
  const { error } = outcome
  // A deadline of the caller can arrive as an aborted call.
  if (isTimeout(error))
    return failureStatuses.includes('DEADLINE_EXCEEDED') && hadTime(error) ? 'failure' : 'neither'
  if (!(error instanceof ShmwireError)) return 'neither'
  if (failureStatuses.includes(error.status)) return 'failure'
  // An error such as NOT_FOUND is an answer, if the service sent it.
  const answered = error.code === ErrorCode.SERVICE || error.code === ErrorCode.REMOTE
  return answered && error.executed !== 'no' ? 'success' : 'neither'
}
