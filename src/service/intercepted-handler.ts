import { ErrorCode, ShmwireError } from '../errors.js'
import type { MessageType } from '../schema/message-type.js'
import { isThenable } from '../thenable.js'
import type { CallContext } from './call/call-context.js'
import { markRefused } from './call/refused-calls.js'
import { type CallHandler, parseEach } from './call/served-method.js'
import { isAsyncIterable, isStream } from './call/stream-pump.js'
import { handled } from './call/untyped-answer.js'
import type { CallKind } from './contract/contract.js'
import { chain, type InterceptedAnswer, type InterceptedCall, type Interceptor } from './interceptors.js'

export interface InterceptedMethod {
  readonly kind: CallKind | undefined
  readonly idempotent: boolean
  readonly input: MessageType | undefined
}

/** The progress of one call in its interceptors. */
interface CallState {
  /** The handler has begun. */
  begun: boolean
  /** The call has failed, or has an answer of one message. */
  over: boolean
  /** The streams that `next` has returned, the innermost first, until the outermost interceptor has answered. */
  streams: unknown[]
}

/**
 * A handler behind interceptors. The message is checked after them, so that they can refuse a caller first. When the call fails, the streams that
 * `next` has returned are ended: no caller reads them. A call that is over cannot begin its handler any more, so a refusal stays true.
 */
export function interceptedHandler(
  handler: CallHandler,
  interceptors: readonly Interceptor[],
  { kind, idempotent, input }: InterceptedMethod,
): CallHandler {
  const states = new WeakMap<CallContext, CallState>()
  const keep = ({ context }: InterceptedCall, { message }: InterceptedAnswer): void => {
    const state = states.get(context as CallContext)
    if (state === undefined || !isStreamOf(kind, message)) return
    if (state.over) leave(message)
    else state.streams.push(message)
  }
  const last = async (call: InterceptedCall): Promise<InterceptedAnswer> => {
    const context = call.context as CallContext
    const state = states.get(context)
    if (state?.over === true) throw tooLate()
    const request = checked(call.message, input)
    if (state !== undefined) state.begun = true
    const message = await handled(handler(isThenable(request) ? await request : request, context))
    const answer = { message, headers: context.headers, trailers: context.trailers }
    keep(call, answer)
    return answer
  }
  const run = chain(interceptors, last, keep)
  return async (message, context) => {
    const { service, method, metadata, signal, remainingMs } = context
    const call = {
      side: 'service',
      service,
      method,
      kind,
      idempotent,
      metadata,
      signal,
      remainingMs,
      message,
      context,
    } as const
    const state: CallState = { begun: false, over: false, streams: [] }
    states.set(context, state)
    try {
      const answer = await run(call)
      // An interceptor can read the inner streams, and call `next` again, while its own stream is read.
      if (isStreamOf(kind, answer.message)) state.streams = []
      else end(state)
      return answer.message
    } catch (error) {
      end(state)
      if (!state.begun) markRefused(context)
      throw error
    }
  }
}

function end(state: CallState): void {
  state.over = true
  for (const stream of state.streams.splice(0).toReversed()) leave(stream)
}

/** Ends a stream that no caller reads. Its outcome is dropped, because the call is over. */
function leave(stream: unknown): void {
  void new Promise((resolve) => {
    resolve((stream as Partial<AsyncIterator<unknown>>).return?.())
  }).catch(() => {})
}

function isStreamOf(kind: CallKind | undefined, message: unknown): boolean {
  if (kind === undefined) return isAsyncIterable(message)
  return (kind === 'serverStream' || kind === 'bidi') && isStream(message)
}

function tooLate(): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, 'the call is over, so its handler does not begin', {
    executed: 'no',
  })
}

function checked(message: unknown, input: MessageType | undefined): unknown {
  if (input === undefined) return message
  return isAsyncIterable(message) ? parseEach(message, (one) => input.parse(one)) : input.parse(message)
}
