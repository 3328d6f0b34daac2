import { nowMs } from '../host.js'
import type { CallSettings } from './call/begin-call.js'
import type { CallOptions } from './call/call-context.js'
import type { AnyOutcome } from './call/call-outcomes.js'
import type { CalledMethod } from './call/called-method.js'
import { encodeMetadata, Metadata } from './call/metadata.js'
import { isAsyncIterable } from './call/stream-pump.js'
import { UntypedAnswer, type UntypedCallStream } from './call/untyped-answer.js'
import { checkedTimeout, metadataOf, settingsOf, withIdentity } from './call-settings.js'
import { CallSignal } from './call-signal.js'
import type { Caller } from './caller.js'
import { type BegunStream, DeferredStream } from './deferred-stream.js'
import { chain, type InterceptedAnswer, type InterceptedCall, type Interceptor } from './interceptors.js'
import type { CallObserver } from './observed-stream.js'

interface Invocation {
  readonly options: CallOptions
  readonly ending: CallSignal
  readonly begun: BegunStream
}

/** Makes calls through interceptors. */
export class InterceptedCaller {
  readonly #service: string
  readonly #caller: Caller
  readonly #defaults: CallSettings
  readonly #interceptors: readonly Interceptor[]

  constructor(service: string, caller: Caller, defaults: CallSettings, interceptors: readonly Interceptor[]) {
    this.#service = service
    this.#caller = caller
    this.#defaults = defaults
    this.#interceptors = interceptors
  }

  /** A promise for one message, a stream of messages, or both without a contract. */
  invoke(
    name: string,
    method: CalledMethod,
    request: unknown,
    options: CallOptions = {},
    observer?: CallObserver,
  ): unknown {
    const { kind } = method
    const ending = new CallSignal()
    const begun: BegunStream = { stream: undefined }
    const answer = this.#run(name, method, request, { options, ending, begun })
    answer.catch(ending.release)
    const stream = (): DeferredStream<unknown> =>
      new DeferredStream(
        answer.then(({ message }) => iteratorOf(message)),
        () => ending.leave(),
        begun,
      )
    if (kind === 'serverStream' || kind === 'bidi') return stream()
    const messageOf = ({ message }: InterceptedAnswer): unknown => {
      ending.release()
      return message
    }
    if (kind !== undefined) return answer.then(messageOf)
    const begin = (outcome: AnyOutcome): UntypedCallStream => {
      void answer.then(
        (given) => {
          if (isAsyncIterable(given.message)) outcome.stream()
          else outcome.message(messageOf(given))
        },
        (error: Error) => outcome.error(error),
      )
      return {
        get stream() {
          return stream()
        },
      }
    }
    return new UntypedAnswer(method.name, begin, observer)
  }

  async #run(
    name: string,
    method: CalledMethod,
    request: unknown,
    { options, ending, begun }: Invocation,
  ): Promise<InterceptedAnswer> {
    const beganMs = nowMs()
    const metadata = metadataOf(options) ?? new Metadata()
    const own = settingsOf(options, this.#defaults)
    ending.follow(own.signals)
    const last = (call: InterceptedCall): Promise<InterceptedAnswer> => {
      const timeoutMs = Math.max(
        0,
        Math.min(checkedTimeout(call.remainingMs), own.timeoutMs - (nowMs() - beganMs)),
      )
      const headers = withIdentity(new Metadata(call.metadata), options.identity)
      const signals = [call.signal, ending.signal]
      return this.#answer(
        method,
        call.message,
        { ...own, timeoutMs, signals, metadata: encodeMetadata(headers) },
        begun,
      )
    }
    const call: InterceptedCall = {
      side: 'client',
      service: this.#service,
      method: name,
      kind: method.kind,
      idempotent: method.idempotent,
      metadata,
      signal: ending.signal,
      remainingMs: own.timeoutMs,
      message: request,
      context: undefined,
    }
    return chain(this.#interceptors, last)(call)
  }

  #answer(
    method: CalledMethod,
    request: unknown,
    own: CallSettings,
    begun: BegunStream,
  ): Promise<InterceptedAnswer> {
    const headers = new Metadata()
    const trailers = new Metadata()
    const settings: CallSettings = {
      ...own,
      onHeaders: (received) => {
        for (const [key, value] of received) headers.set(key, value)
        own.onHeaders?.(received)
      },
      onTrailers: (received) => {
        for (const [key, value] of received) trailers.set(key, value)
        own.onTrailers?.(received)
      },
    }
    const { kind } = method
    if (kind === 'unary' || kind === 'clientStream')
      return this.#caller
        .single(method, request, settings)
        .then((message) => ({ message, headers, trailers }))
    if (kind !== undefined) {
      const stream = this.#caller.stream(method, request, settings)
      begun.stream = stream
      return Promise.resolve({ message: stream, headers, trailers })
    }
    return new Promise((resolve, reject) => {
      const answer = this.#caller.any(method, request, settings, {
        message: (message) => resolve({ message, headers, trailers }),
        stream: () => resolve({ message: answer.stream, headers, trailers }),
        error: reject,
      })
      begun.stream = {
        get lastEventId() {
          return answer.stream.lastEventId
        },
      }
    })
  }
}

async function* one(message: unknown): AsyncGenerator {
  yield message
}

function iteratorOf(message: unknown): AsyncIterator<unknown> {
  return isAsyncIterable(message) ? message[Symbol.asyncIterator]() : one(message)
}
