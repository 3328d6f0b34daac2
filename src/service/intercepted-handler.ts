import type { MessageType } from '../schema/message-type.js'
import { isThenable } from '../thenable.js'
import type { CallContext } from './call/call-context.js'
import { type CallHandler, parseEach } from './call/served-method.js'
import { isAsyncIterable } from './call/stream-pump.js'
import { handled } from './call/untyped-answer.js'
import type { CallKind } from './contract/contract.js'
import { chain, type InterceptedAnswer, type InterceptedCall, type Interceptor } from './interceptors.js'

/** A handler behind interceptors. The message is checked after them, so that they can refuse a caller first. */
export function interceptedHandler(
  handler: CallHandler,
  interceptors: readonly Interceptor[],
  kind: CallKind | undefined,
  input: MessageType | undefined,
): CallHandler {
  const last = async (call: InterceptedCall): Promise<InterceptedAnswer> => {
    const context = call.context as CallContext
    const request = checked(call.message, input)
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
      metadata,
      signal,
      remainingMs,
      message,
      context,
    } as const
    const answer = await run(call)
    return answer.message
  }
}

function checked(message: unknown, input: MessageType | undefined): unknown {
  if (input === undefined) return message
  return isAsyncIterable(message) ? parseEach(message, (one) => input.parse(one)) : input.parse(message)
}
