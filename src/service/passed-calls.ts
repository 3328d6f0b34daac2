import { TIMER_EARLY_MS } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { TIMEOUT_MS_MAX } from '../options.js'
import { ServiceError } from '../service-error.js'
import { type CallContext, type CallOptions, tracked } from './call/call-context.js'
import type { Metadata } from './call/metadata.js'
import type { CallHandler } from './call/served-method.js'
import { isAsyncIterable } from './call/stream-pump.js'
import { UntypedAnswer } from './call/untyped-answer.js'
import type { CallStream } from './contract/contract-types.js'
import { shownText } from './shown-text.js'

type ClientFunction = (request: unknown, options: CallOptions) => unknown

const clientFunctions = new WeakSet<object>()

/** Registers a function of a client, so that `serve` takes it as a handler. */
export function addClientFunction<T extends ClientFunction>(invoke: T): T {
  clientFunctions.add(invoke)
  return invoke
}

/** A handler that passes its calls on, if the function is one of a client. Its second parameter would be options, not a context. */
export function passingHandler(handler: object): CallHandler | undefined {
  return clientFunctions.has(handler) ? passing(handler as ClientFunction) : undefined
}

function passing(invoke: ClientFunction): CallHandler {
  return (request, context) => {
    const { remainingMs } = context
    const rethrow = (error: unknown): never => {
      throw passedError(error, context)
    }
    const answer = invoke(request, {
      context,
      metadata: context.metadata,
      // Without a statement, the next service would take the caller for this process.
      identity: context.identity ?? null,
      // The bound is that of the caller, not the default of the client.
      timeoutMs: remainingMs > TIMEOUT_MS_MAX ? Number.POSITIVE_INFINITY : remainingMs,
      onHeaders: (headers) => copy(headers, context.headers),
      onTrailers: (trailers) => copy(trailers, context.trailers),
    })
    const passed = (message: unknown): unknown =>
      isAsyncIterable(message) ? passedStream(message as CallStream<unknown>, rethrow) : message
    if (answer instanceof UntypedAnswer) return answer.either().then(passed, rethrow)
    return isAsyncIterable(answer) ? passed(answer) : (answer as Promise<unknown>).catch(rethrow)
  }
}

/** The messages of a call, each with its id, if it has one. */
function passedStream(
  stream: CallStream<unknown>,
  rethrow: (error: unknown) => never,
): AsyncIterableIterator<unknown> {
  let lastEventId: string | undefined
  return {
    next: async () => {
      const result = await stream.next().catch(rethrow)
      if (result.done === true || stream.lastEventId === lastEventId) return result
      lastEventId = stream.lastEventId
      return { done: false, value: tracked(lastEventId as string, result.value) }
    },
    return: () => stream.return(),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** A handler reports a status with a ServiceError only. Another error of the other service stays as it is, because `exposeErrors` applies to it. */
function passedError(error: unknown, { remainingMs }: CallContext): unknown {
  if (!(error instanceof ShmwireError)) return error
  if (error.code === ErrorCode.SERVICE || error.code === ErrorCode.REMOTE) return error
  if (error.code === ErrorCode.TIMEOUT && remainingMs < TIMER_EARLY_MS) return error
  return new ServiceError(error.status, shownText(error) ?? 'the service cannot be called', { cause: error })
}

function copy(from: Metadata, to: Metadata): void {
  for (const [name, value] of from) to.set(name, value)
}
