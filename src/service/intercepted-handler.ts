import type { MessageType } from '../schema/message-type.js'
import { isThenable } from '../thenable.js'
import type { CallContext } from './call/call-context.js'
import { markRefused } from './call/refused-calls.js'
import { type CallHandler, parseEach } from './call/served-method.js'
import { isAsyncIterable } from './call/stream-pump.js'
import { handled } from './call/untyped-answer.js'
import type { CallKind } from './contract/contract.js'
import { chain, type InterceptedAnswer, type InterceptedCall, type Interceptor } from './interceptors.js'

export interface InterceptedMethod {
  readonly kind: CallKind | undefined
  readonly idempotent: boolean
  readonly input: MessageType | undefined
}

/** A handler behind interceptors. The message is checked after them, so that they can refuse a caller first. */
export function interceptedHandler(
  handler: CallHandler,
  interceptors: readonly Interceptor[],
  { kind, idempotent, input }: InterceptedMethod,
): CallHandler {
  const begun = new WeakSet<CallContext>()
  const last = async (call: InterceptedCall): Promise<InterceptedAnswer> => {
    const context = call.context as CallContext
    const request = checked(call.message, input)
    begun.add(context)
    const message = await handled(handler(isThenable(request) ? await request : request, context))
    return { message, headers: context.headers, trailers: context.trailers }
  }
  const run = chain(interceptors, last)
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
    try {
      const answer = await run(call)
      return answer.message
    } catch (error) {
      if (!begun.has(context)) markRefused(context)
      throw error
    }
  }
}

function checked(message: unknown, input: MessageType | undefined): unknown {
  if (input === undefined) return message
  return isAsyncIterable(message) ? parseEach(message, (one) => input.parse(one)) : input.parse(message)
}
