import type { CallPort } from '../../channel/call-port.js'
import { correlationIn } from '../../correlation.js'
import { TIMER_EARLY_MS } from '../../deadline.js'
import { ErrorCode, type ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import { connectionIdOf, log, loggerOf } from '../../log/log.js'
import { isThenable } from '../../thenable.js'
import type { Transport } from '../../transport.js'
import { type AnswerParts, encodeAnswer, encodeFailure, FAILURE_BYTES } from '../../wire/call-records.js'
import { checkOutput, encodeOutput } from './answer-message.js'
import { AnswerStream } from './answer-stream.js'
import { failureOf, isServiceError, layerFailure } from './call-failure.js'
import { wasRefused } from './refused-calls.js'
import type { RunningCall } from './running-call.js'
import { SendWindow } from './send-window.js'
import { parseEach } from './served-method.js'
import { isAsyncIterable, isStream, StreamPump } from './stream-pump.js'
import { StreamSender } from './stream-sender.js'
import { handled } from './untyped-answer.js'

/** Links whose peer is a process of this machine. */
const LOCAL_TRANSPORTS: ReadonlySet<Transport> = new Set<Transport>(['shm', 'unix', 'pipe', 'stdio'])

interface Thrown {
  readonly error: unknown
}

/** Runs the handlers of one channel and sends what they return, yield or throw. */
export class HandlerRun {
  readonly #port: CallPort
  readonly #sendLast: (call: RunningCall, payload: Uint8Array) => void
  readonly #encode = (message: unknown): Uint8Array => this.#port.encode(message)
  /** Handlers on the stack. */
  #calling = 0
  /** Handlers that have not ended, including those of cancelled calls. */
  #running = 0

  /** `sendLast` sends the last record of a call. */
  constructor(port: CallPort, sendLast: (call: RunningCall, payload: Uint8Array) => void) {
    this.#port = port
    this.#sendLast = sendLast
  }

  get calling(): boolean {
    return this.#calling > 0
  }

  get running(): number {
    return this.#running
  }

  /** Runs the handler with the message or the stream of the caller. */
  start(call: RunningCall, received: unknown): void {
    this.#running += 1
    try {
      const request = requestOf(call, received)
      const result = isThenable(request)
        ? request.then((value) => this.#call(call, value))
        : this.#call(call, request)
      if (isThenable(result)) void this.#answerLater(call, result)
      else this.#answer(call, result)
    } catch (error) {
      this.#failed(call, error)
    }
  }

  /** The call is over without an answer of the handler. */
  abort(call: RunningCall, error: ShmwireError): void {
    const isFirst = !call.over
    if (isFirst) record(call, true)
    call.abort(error)
    if (isFirst) call.trace?.fail(error)
  }

  #call(call: RunningCall, request: unknown): unknown {
    this.#calling += 1
    try {
      return handled(call.served.handler(request, call))
    } finally {
      this.#calling -= 1
    }
  }

  async #answerLater(call: RunningCall, result: PromiseLike<unknown>): Promise<void> {
    let value: unknown
    try {
      value = await result
    } catch (error) {
      this.#failed(call, error)
      return
    }
    this.#answer(call, value)
  }

  #answer(call: RunningCall, value: unknown): void {
    const { kind } = call.served
    try {
      const streams = kind === undefined ? isAsyncIterable(value) : kind === 'serverStream' || kind === 'bidi'
      if (!streams) this.#answerOne(call, value)
      else if (isStream(value)) this.#answerStream(call, value)
      else throw new TypeError(`the handler of ${call.method} must return an iterable of messages`)
    } catch (error) {
      this.#failed(call, error)
    }
  }

  #answerOne(call: RunningCall, value: unknown): void {
    const check = checkOutput(call, value)
    const send = (): void => {
      this.#running -= 1
      this.#finish(
        call,
        () => encodeAnswer(encodeOutput(call, value, this.#encode), true, this.#lastParts(call)),
        undefined,
      )
    }
    if (check === undefined) send()
    else void check.then(send, (error) => this.#failed(call, error))
  }

  #answerStream(call: RunningCall, source: AsyncIterable<unknown> | Iterable<unknown>): void {
    const window = new SendWindow()
    const records = new AnswerStream(call, this.#port, this.#encode)
    const pump = new StreamPump(
      call.trace === undefined ? source : call.trace.bind(source),
      window,
      new StreamSender(records, window),
    )
    call.window = window
    call.pump = pump
    if (call.over) pump.stop()
    else call.watchDeadline()
    void pump.run().then(
      () => {
        this.#running -= 1
        this.#finish(call, () => encodeAnswer(undefined, true, this.#lastParts(call)), undefined)
      },
      (error) => this.#failed(call, error),
    )
  }

  /** The handler has ended with an error. */
  #failed(call: RunningCall, thrown: unknown): void {
    this.#running -= 1
    this.#finish(call, () => this.#failure(call, thrown, call.encodeTrailers()), { error: thrown })
  }

  #finish(call: RunningCall, encode: () => Uint8Array, failure: Thrown | undefined): void {
    if (call.over) return
    let payload: Uint8Array
    let thrown = failure
    try {
      payload = encode()
      this.#port.assertLength(payload)
    } catch (error) {
      // An answer, its metadata or the details of an error that cannot be encoded.
      thrown = { error }
      payload = this.#failure(call, error, undefined)
    }
    // Accessors of the answer run during the encoding, and may end the channel or read a cancellation.
    if (call.over) return
    record(call, thrown !== undefined)
    call.release(undefined)
    this.#sendLast(call, payload)
    if (thrown === undefined) call.trace?.settle()
    else this.#report(call, thrown.error)
  }

  /** A ServiceError is an outcome that the handler reports, and not a mistake. */
  #report(call: RunningCall, error: unknown): void {
    const { service, method, channel } = call
    if (!isServiceError(error))
      log(loggerOf(channel), 'service.callFailed', () => ({
        service,
        method,
        peerPid: channel.peer.pid,
        clientAddress: channel.peer.address,
        connectionId: connectionIdOf(channel),
        correlationId: correlationIn((name) => call.metadata.text(name)),
        error,
      }))
    call.trace?.fail(error)
  }

  #failure(call: RunningCall, thrown: unknown, trailers: Buffer | undefined): Uint8Array {
    const { maxMessageBytes } = this.#port
    if (call.remainingMs < TIMER_EARLY_MS && !isServiceError(thrown)) {
      const late = layerFailure(ErrorCode.TIMEOUT, call.deadlineError.message, 'unknown')
      return encodeFailure(late.form, late.bytes, maxMessageBytes)
    }
    const { exposeErrors } = call.served
    const exposed =
      exposeErrors === 'always' || (exposeErrors === 'local' && LOCAL_TRANSPORTS.has(call.channel.transport))
    const to = { exposed, refused: wasRefused(call) }
    const { form, bytes } = failureOf(thrown, to, maxMessageBytes - FAILURE_BYTES, this.#encode)
    return encodeFailure(form, bytes, maxMessageBytes, trailers)
  }

  #lastParts(call: RunningCall): AnswerParts | undefined {
    const headers = call.takeHeaders()
    const trailers = call.encodeTrailers()
    return headers === undefined && trailers === undefined ? undefined : { headers, trailers }
  }
}

/** The message or the stream for the handler, checked by the contract. */
function requestOf(call: RunningCall, received: unknown): unknown {
  const { checksInput, input } = call.served
  if (!checksInput || input === undefined) return received
  if (!call.isBinary) return parsed(call, received, (message) => input.parse(message))
  // The decoder has checked the form of the message.
  const { binary } = input
  return binary?.check === undefined ? received : parsed(call, received, (message) => binary.check?.(message))
}

function parsed(call: RunningCall, received: unknown, parse: (message: unknown) => unknown): unknown {
  return call.incoming === undefined ? parse(received) : parseEach(call.incoming, parse)
}

function record(call: RunningCall, failed: boolean): void {
  call.served.recorder.end(nowMs() - call.beganMs, failed)
}
