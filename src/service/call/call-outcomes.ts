import { ErrorCode, ShmwireError } from '../../errors.js'
import { readBatch } from '../../wire/call-batches.js'
import { type AnswerRecord, Encoding } from '../../wire/call-records.js'
import { decodeMessage } from './call-messages.js'
import type { CalledMethod } from './called-method.js'
import { type MetadataCallbacks, reportMetadata } from './metadata-callbacks.js'
import { type CallOwner, OutgoingCall } from './outgoing-call.js'
import { ReceivedStream } from './received-stream.js'

/** A call whose outcome is one message: the service's answers go to `resolve` or `reject`. */
export class SingleAnswer extends OutgoingCall {
  readonly #resolve: (message: unknown) => void
  readonly #reject: (error: Error) => void

  constructor(
    calls: CallOwner,
    method: CalledMethod,
    callbacks: MetadataCallbacks,
    resolve: (message: unknown) => void,
    reject: (error: Error) => void,
  ) {
    super(calls, method, callbacks)
    this.#resolve = resolve
    this.#reject = reject
  }

  answer(record: AnswerRecord): string | undefined {
    if (!record.isLast) {
      this.giveUp(streamsInstead(this.method.name))
      return undefined
    }
    const fault = reportMetadata(record, this.callbacks)
    if (fault !== undefined || this.over) return fault
    this.end()
    try {
      this.#resolve(messageOf(this, record))
    } catch (error) {
      this.#reject(error as Error)
    }
    return undefined
  }

  answerBatch(): undefined {
    this.giveUp(streamsInstead(this.method.name))
  }

  protected failed(error: Error): void {
    this.#reject(error)
  }
}

/** A call whose outcome is a stream of messages. */
export class StreamAnswer extends OutgoingCall {
  readonly stream: ReceivedStream

  constructor(calls: CallOwner, method: CalledMethod, callbacks: MetadataCallbacks) {
    super(calls, method, callbacks)
    this.stream = streamOf(this, calls)
  }

  answer(record: AnswerRecord): string | undefined {
    const fault = reportMetadata(record, this.callbacks)
    if (fault !== undefined || this.over) return fault
    return deliver(this, this.stream, record)
  }

  answerBatch(payload: Buffer): string | undefined {
    return deliverBatch(this, this.stream, payload)
  }

  protected failed(error: Error): void {
    this.stream.end(error)
  }
}

/** Where the outcome of a call without a contract goes. */
export interface AnyOutcome {
  message(message: unknown): void
  /** The service answers with a stream of messages: that of the call. */
  stream(): void
  error(error: Error): void
}

/**
 * A call without a contract: the service decides whether its answer is one message or a stream. The stream, which is created on demand, has
 * either.
 */
export class AnyAnswer extends OutgoingCall {
  readonly #outcome: AnyOutcome
  #stream: ReceivedStream | undefined
  /** The service has answered with a stream. */
  #streams = false
  /** The one message of the answer, or the error of the call. */
  #settled: { readonly message: unknown } | { readonly error: Error } | undefined

  constructor(calls: CallOwner, method: CalledMethod, callbacks: MetadataCallbacks, outcome: AnyOutcome) {
    super(calls, method, callbacks)
    this.#outcome = outcome
  }

  get stream(): ReceivedStream {
    if (this.#stream !== undefined) return this.#stream
    const stream = streamOf(this, this.calls)
    this.#stream = stream
    if (this.#settled !== undefined) endStream(stream, this.#settled)
    return stream
  }

  answer(record: AnswerRecord): string | undefined {
    const fault = reportMetadata(record, this.callbacks)
    if (fault !== undefined || this.over) return fault
    if (!this.#streams && record.isLast && record.hasMessage) {
      this.#answerOne(record)
      return undefined
    }
    this.#beginStream()
    return deliver(this, this.stream, record)
  }

  answerBatch(payload: Buffer): string | undefined {
    this.#beginStream()
    return deliverBatch(this, this.stream, payload)
  }

  protected failed(error: Error): void {
    this.#settled = { error }
    if (!this.#streams) this.#outcome.error(error)
    this.#stream?.end(error)
  }

  #beginStream(): void {
    if (this.#streams) return
    this.#streams = true
    this.#outcome.stream()
  }

  #answerOne(record: AnswerRecord): void {
    this.end()
    try {
      const message = messageOf(this, record)
      this.#settled = { message }
      this.#outcome.message(message)
    } catch (error) {
      this.#settled = { error: error as Error }
      this.#outcome.error(error as Error)
    }
    if (this.#stream !== undefined) endStream(this.#stream, this.#settled)
  }
}

function endStream(
  stream: ReceivedStream,
  settled: { readonly message: unknown } | { readonly error: Error },
): void {
  if ('error' in settled) {
    stream.end(settled.error)
    return
  }
  stream.push(settled.message, 0, undefined)
  stream.end()
}

function streamOf(call: OutgoingCall, calls: CallOwner): ReceivedStream {
  return new ReceivedStream({
    grant: (messages, bytes, granted) => calls.grant(call, messages, bytes, granted),
    abandon: () => call.giveUp(new ShmwireError(ErrorCode.ABORTED, 'the loop over the messages was left')),
  })
}

/** Returns the fault of the peer, if there is one. */
function deliver(call: OutgoingCall, stream: ReceivedStream, record: AnswerRecord): string | undefined {
  if (record.hasMessage) {
    try {
      if (!stream.push(messageOf(call, record), record.bytes.length, record.eventId)) return tooMany(call)
    } catch (error) {
      call.giveUp(error as Error)
    }
  }
  if (record.isLast && !call.over) {
    call.end()
    stream.end()
  }
  return undefined
}

/** Returns the fault of the peer, if there is one. */
function deliverBatch(call: OutgoingCall, stream: ReceivedStream, payload: Buffer): string | undefined {
  return readBatch(payload, (encoding, bytes) => {
    // The program has left the loop, or a message before it cannot be decoded.
    if (call.over) return undefined
    try {
      if (!stream.push(messageOf(call, { encoding, bytes }), bytes.length, undefined)) return tooMany(call)
    } catch (error) {
      call.giveUp(error as Error)
    }
    return undefined
  })
}

function tooMany({ id }: OutgoingCall): string {
  return `more messages than the window of call ${id}`
}

function messageOf(
  { calls, method }: OutgoingCall,
  { encoding, bytes }: Pick<AnswerRecord, 'encoding' | 'bytes'>,
): unknown {
  let message: unknown
  try {
    if (method.binary !== undefined && encoding !== Encoding.BINARY) throw notBinary(method)
    message = decodeMessage(calls.port, encoding, bytes, method)
  } catch (error) {
    const { code, message: text, cause } = error as ShmwireError
    throw new ShmwireError(code, text, { cause, status: 'INTERNAL', executed: 'unknown' })
  }
  return method.output?.receive === undefined ? message : method.output.receive(message)
}

function notBinary({ name }: CalledMethod): ShmwireError {
  return new ShmwireError(ErrorCode.CODEC, `the answer to ${name} does not have the binary form of its call`)
}

/** The error of a program that awaits a stream. */
export function streamsInstead(method: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `${method} answers with a stream of messages; iterate it: for await (const message of …)`,
    { executed: 'unknown' },
  )
}
