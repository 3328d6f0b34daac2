import type { TracingChannel } from 'node:diagnostics_channel'
import { clientCalls, clientStreams } from '../observe/diagnostics-channels.js'
import type { ClientCallPayload } from '../observe/diagnostics-payloads.js'
import { settledBy, Trace } from '../observe/diagnostics-trace.js'
import type { CallOptions } from './call/call-context.js'
import { Metadata } from './call/metadata.js'
import { isAsyncIterable, isStream } from './call/stream-pump.js'
import { UntypedAnswer } from './call/untyped-answer.js'
import type { CallerConnection } from './call-carrier.js'
import { metadataOf } from './call-settings.js'
import type { CallKind } from './contract/contract.js'
import type { CallStream } from './contract/contract-types.js'
import { type CallObserver, ObservedStream } from './observed-stream.js'

/** The diagnostics channel of the calls of a method. Without a contract, a call can turn out to be a stream when its answer arrives. */
export function clientChannel(kind: CallKind | undefined): TracingChannel {
  return kind === undefined || kind === 'unary' ? clientCalls : clientStreams
}

interface TracedMethod {
  readonly connection: CallerConnection
  readonly service: string
  readonly method: string
  readonly kind: CallKind | undefined
}

/** Makes a call that is observed. It has the headers that the subscribers have added. */
export function tracedCall(
  { connection, service, method, kind }: TracedMethod,
  request: unknown,
  options: CallOptions | undefined,
  invoke: (request: unknown, options: CallOptions | undefined, observer: CallObserver) => unknown,
): unknown {
  const given = metadataIn(options)
  const metadata = given ?? new Metadata()
  const { address, channel } = connection
  const payload: ClientCallPayload = { service, method, kind, metadata, address, channel }
  const trace = new Trace(clientChannel(kind), payload)
  return trace.begin(() => {
    const changed = given === undefined ? options : { ...options, metadata }
    const answer = invoke(boundRequest(trace, kind, request), changed, trace)
    if (answer instanceof UntypedAnswer) return answer
    return isAsyncIterable(answer)
      ? new ObservedStream(answer as CallStream<unknown>, trace)
      : settledBy(trace, answer as Promise<unknown>)
  })
}

/** A copy, so that the object of the program stays as it is. Undefined: the options are wrong, and the call reports it. */
function metadataIn(options: CallOptions | undefined): Metadata | undefined {
  try {
    return new Metadata(metadataOf(options ?? {}))
  } catch {
    return undefined
  }
}

/** The generator of a caller that streams runs in the context of its call, as its first messages do. */
function boundRequest(trace: Trace, kind: CallKind | undefined, request: unknown): unknown {
  const streams = kind === 'clientStream' || kind === 'bidi' ? isStream(request) : kind === undefined
  if (!streams) return request
  return kind !== undefined || isAsyncIterable(request)
    ? trace.bind(request as AsyncIterable<unknown>)
    : request
}
