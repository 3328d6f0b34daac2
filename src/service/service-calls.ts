import type { ShmwireError } from '../errors.js'
import { isTraced } from '../observe/diagnostics-trace.js'
import type { CallSettings } from './call/begin-call.js'
import type { CallOptions } from './call/call-context.js'
import type { AnyOutcome } from './call/call-outcomes.js'
import type { CalledMethod } from './call/called-method.js'
import { checkMethodName } from './call/method-name.js'
import { UntypedAnswer, type UntypedCallStream } from './call/untyped-answer.js'
import type { CallerConnection } from './call-carrier.js'
import { defaultSettings, settingsOf } from './call-settings.js'
import { Caller } from './caller.js'
import type { CallerOptions } from './caller-options.js'
import type { Contract } from './contract/contract.js'
import type { CallStream } from './contract/contract-types.js'
import { failedStream } from './deferred-stream.js'
import { InterceptedCaller } from './intercepted-caller.js'
import { replacesRetries } from './interceptors.js'
import type { CallObserver } from './observed-stream.js'
import { addClientFunction } from './passed-calls.js'
import { RetryBudget } from './retry-budget.js'
import { clientChannel, tracedCall } from './traced-call.js'

const TIMEOUT_MS = 30_000
const RETRIES = 2

/** A function of a client. */
export type Invoke = (request?: unknown, options?: CallOptions) => unknown

/** Like `Invoke`. `observer` gets the end of a call without a contract, whose answer shows it too late. */
type ObservedInvoke = (request: unknown, options: CallOptions | undefined, observer?: CallObserver) => unknown

type MethodSettings = Pick<CalledMethod, 'kind' | 'idempotent' | 'output' | 'binary'>

/** The functions of a client. */
export class ServiceCalls {
  readonly #connection: CallerConnection
  readonly #service: string
  readonly #caller: Caller
  readonly #defaults: CallSettings
  readonly #intercepted: InterceptedCaller | undefined

  /** The options are checked. */
  constructor(connection: CallerConnection, service: string, options: CallerOptions) {
    const {
      timeoutMs = TIMEOUT_MS,
      interceptors = [],
      whenUnavailable = 'fail',
      retries: retriesMax = replacesRetries(interceptors) ? 0 : RETRIES,
    } = options
    this.#connection = connection
    this.#service = service
    this.#caller = new Caller(connection, new RetryBudget(), { whenUnavailable, retriesMax })
    this.#defaults = defaultSettings(timeoutMs)
    if (interceptors.length > 0)
      this.#intercepted = new InterceptedCaller(service, this.#caller, this.#defaults, interceptors)
  }

  function(name: string, settings: MethodSettings): Invoke {
    const invoke = this.#function(name, settings)
    const { kind } = settings
    const traces = clientChannel(kind)
    const traced = { connection: this.#connection, service: this.#service, method: name, kind }
    return addClientFunction((request, options) =>
      isTraced(traces) ? tracedCall(traced, request, options, invoke) : invoke(request, options),
    )
  }

  /** Adds a function for each method of the contract, and returns `members`. */
  addTo<Members extends object>(members: Members, contract: Contract): Members {
    for (const [name, { kind, idempotent, output }] of Object.entries(contract.methods))
      Object.defineProperty(members, name, {
        value: this.function(name, { kind, idempotent, output }),
        enumerable: true,
      })
    return members
  }

  #function(name: string, settings: MethodSettings): ObservedInvoke {
    const method = calledMethod(this.#service, name, settings)
    const { kind } = method
    const intercepted = this.#intercepted
    if (intercepted !== undefined)
      return (request, options, observer) => intercepted.invoke(name, method, request, options, observer)
    const caller = this.#caller
    const defaults = this.#defaults
    const resolved = (options: CallOptions | undefined): CallSettings =>
      options === undefined ? defaults : settingsOf(options, defaults)
    if (kind === undefined)
      return (request, options, observer) =>
        anyCall(caller, method, request, () => resolved(options), observer)
    if (kind === 'serverStream' || kind === 'bidi')
      return (request, options) => streamOf(() => caller.stream(method, request, resolved(options)))
    const withOptions = async (request: unknown, options: CallOptions): Promise<unknown> =>
      caller.single(method, request, settingsOf(options, defaults))
    return (request, options) =>
      options === undefined ? caller.single(method, request, defaults) : withOptions(request, options)
  }
}

function anyCall(
  caller: Caller,
  method: CalledMethod,
  request: unknown,
  settings: () => CallSettings,
  observer: CallObserver | undefined,
): UntypedAnswer {
  const begin = (outcome: AnyOutcome): UntypedCallStream => {
    try {
      return caller.any(method, request, settings(), outcome)
    } catch (thrown) {
      const error = thrown as ShmwireError
      outcome.error(error)
      return { stream: failedStream(error) }
    }
  }
  return new UntypedAnswer(method.name, begin, observer)
}

/** An error of the options reaches the loop, like every other error of a stream. */
function streamOf(begin: () => CallStream<unknown>): CallStream<unknown> {
  try {
    return begin()
  } catch (thrown) {
    return failedStream(thrown as ShmwireError)
  }
}

function calledMethod(service: string, name: string, settings: MethodSettings): CalledMethod {
  const full = `${service}/${name}`
  checkMethodName(full)
  const nameBytes = Buffer.from(full, 'latin1')
  return { name: full, nameBytes, ...settings }
}
