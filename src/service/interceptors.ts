import { invalid } from '../options.js'
import type { CallContext } from './call/call-context.js'
import { Metadata } from './call/metadata.js'
import type { CallKind } from './contract/contract.js'

/** A call, as interceptors see it on both sides. */
export interface InterceptedCall {
  readonly side: 'client' | 'service'
  readonly service: string
  readonly method: string
  /** Undefined without a contract. */
  readonly kind: CallKind | undefined
  /** The contract declares that the call may run twice. False without a contract. */
  readonly idempotent: boolean
  /** The headers of the caller. On its side, an interceptor can still change them. */
  readonly metadata: Metadata
  /** Fires when the call is cancelled. On the side of the caller, an interceptor can replace it. */
  readonly signal: AbortSignal
  /** In milliseconds; Infinity without a deadline. On the side of the caller, an interceptor can reduce it. */
  readonly remainingMs: number
  /** The message of the caller, or an async iterable of its messages. On the side of the service, before it is checked. */
  readonly message: unknown
  /** Of the handler; undefined on the side of the caller. */
  readonly context: CallContext | undefined
}

/** The answer to a call, as interceptors see it on both sides. */
export interface InterceptedAnswer {
  /** The message of the service, or an async iterable of its messages. */
  readonly message: unknown
  readonly headers: Metadata
  /** On the side of the caller, they arrive with the end of the messages. */
  readonly trailers: Metadata
}

/**
 * Continues a call: with the next interceptor, and with the service last. Rejects with the error of the call. In a service whose call is over, it
 * rejects with `ABORTED` and the handler does not begin.
 */
export type NextInterceptor = (call: InterceptedCall) => Promise<InterceptedAnswer>

/**
 * Wraps all calls of a service or a client, as in Connect (https://connectrpc.com/docs/node/interceptors). It can read the call and
 * the answer, replace their messages, refuse the call with an error, and call `next` again. In a client it can also change the metadata and
 * reduce the time. A stream is replaced by an async generator over the original one.
 */
export type Interceptor = (next: NextInterceptor) => NextInterceptor

/** Of an interceptor that repeats calls itself: a client with it has no retries of its own, so that the two do not multiply. */
export const REPLACES_RETRIES: unique symbol = Symbol('shmwire.replacesRetries')

export function replacesRetries(interceptors: readonly Interceptor[]): boolean {
  return interceptors.some((interceptor) => REPLACES_RETRIES in interceptor)
}

/** Throws `INVALID_ARGUMENT`. */
export function checkInterceptors(interceptors: unknown): void {
  if (!Array.isArray(interceptors) || interceptors.some((interceptor) => typeof interceptor !== 'function'))
    throw invalid('interceptors', interceptors, 'an array of functions')
}

/** The first interceptor is the outermost one. `answered` gets the answer of each of them. */
export function chain(
  interceptors: readonly Interceptor[],
  last: NextInterceptor,
  answered?: (call: InterceptedCall, answer: InterceptedAnswer) => void,
): NextInterceptor {
  return interceptors.reduceRight((next, interceptor) => wrapped(next, interceptor, answered), last)
}

function wrapped(
  next: NextInterceptor,
  interceptor: Interceptor,
  answered: ((call: InterceptedCall, answer: InterceptedAnswer) => void) | undefined,
): NextInterceptor {
  const run = interceptor(next)
  if (typeof run !== 'function')
    throw invalid('the result of an interceptor', run, 'a function (call) => Promise of the answer')
  return async (call) => {
    const answer = await run(call)
    if (!isAnswer(answer))
      throw invalid(
        'the answer of an interceptor',
        answer,
        'that of `next`, or { message, headers, trailers }',
      )
    answered?.(call, answer)
    return answer
  }
}

function isAnswer(answer: Partial<InterceptedAnswer> | null | undefined): answer is InterceptedAnswer {
  return answer?.headers instanceof Metadata && answer.trailers instanceof Metadata && 'message' in answer
}
