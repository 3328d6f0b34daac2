import type { CallPort } from '../../channel/call-port.js'
import type { Channel } from '../../channel/channel.js'
import type { OpenWork } from '../../channel/types.js'
import { ErrorCode, type Executed, ShmwireError } from '../../errors.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { show } from '../../options.js'
import { textOfThrown } from '../../uncaught.js'
import { readBatch } from '../../wire/call-batches.js'
import {
  CALLS_OPEN_MAX,
  type CallRecord,
  Encoding,
  encodeCredit,
  encodeFailure,
  type MoreRecord,
  OTHER_ENCODING,
  parseCall,
  parseCredit,
  parseMore,
} from '../../wire/call-records.js'
import { RecordKind } from '../../wire/record-kind.js'
import { type Failure, layerFailure } from './call-failure.js'
import { decodeMessage } from './call-messages.js'
import { HandlerRun } from './handler-run.js'
import { decodeMetadata } from './metadata.js'
import { ReceivedStream } from './received-stream.js'
import { RunningCall } from './running-call.js'
import type { ServedMethod } from './served-method.js'
import type { ServiceTable } from './service-table.js'
import { beginTraced, serviceChannel } from './traced-handler.js'

/**
 * Handlers that one channel runs at once. A cancelled call is answered at once and its slot is free, but its handler may continue. So as
 * many handlers may outlive their calls as calls may be open; further calls are refused.
 */
const HANDLERS_RUNNING_MAX = 2 * CALLS_OPEN_MAX

const CLOSING = layerFailure(ErrorCode.CLOSED, 'the service is closing', 'no')

/** The calls of the peer that this side answers. A method for each kind of record returns the fault of the peer, if there is one. */
export class IncomingCalls implements OpenWork {
  readonly #channel: Channel
  readonly #port: CallPort
  readonly #services: ServiceTable
  readonly #handlers: HandlerRun
  /** Undefined: a call that was refused. Both are open until the link has the answer, so that a peer that reads none cannot make this side hold more. */
  readonly #open = new Map<number, RunningCall | undefined>()

  constructor(channel: Channel, port: CallPort, services: ServiceTable) {
    this.#channel = channel
    this.#port = port
    this.#services = services
    this.#handlers = new HandlerRun(port, (call, payload) => this.#push(call.id, payload))
  }

  get idle(): boolean {
    return this.#open.size === 0
  }

  /** The code of a handler is on the stack: until its first `await`. */
  get calling(): boolean {
    return this.#handlers.calling
  }

  begin(id: number, payload: Buffer, closing: boolean): string | undefined {
    if (id === 0) return 'a call without an id'
    if (this.#open.has(id)) return `call ${id} twice`
    if (this.#open.size >= CALLS_OPEN_MAX) return `more than ${CALLS_OPEN_MAX} open calls`
    const record = parseCall(payload)
    if (typeof record === 'string') return record
    const metadata = record.metadata === undefined ? undefined : decodeMetadata(record.metadata)
    if (metadata === undefined && record.metadata !== undefined) return 'a call with malformed metadata'
    const served = this.#services.find(record.method)
    const refusal = closing ? CLOSING : this.#refusal(record, served)
    if (refusal !== undefined || served === undefined) {
      this.#refuse(id, refusal as Failure)
      return undefined
    }
    const { isBinary, timeoutMs } = record
    const onDeadline = this.#onDeadline
    const call = new RunningCall({
      id,
      channel: this.#channel,
      served,
      isBinary,
      timeoutMs,
      metadata,
      onDeadline,
    })
    this.#open.set(id, call)
    served.recorder.begin()
    if (!isTraced(serviceChannel(served.kind))) return this.#start(call, record)
    const requestBytes = record.isLast && record.hasMessage ? record.bytes.length : undefined
    return beginTraced(call, requestBytes, () => this.#start(call, record))
  }

  /** A further message of the caller, or the end of its messages. */
  more(id: number, payload: Buffer): string | undefined {
    const record = parseMore(payload)
    if (typeof record === 'string') return record
    const call = this.#open.get(id)
    // The call has ended, and the caller does not know it yet.
    if (call === undefined || call.over) return undefined
    if (call.incoming === undefined || call.inputEnded) return `a message of call ${id} after its last one`
    return this.#take(call, record, 'unknown')
  }

  /** Several further messages of the caller. */
  moreBatch(id: number, payload: Buffer): string | undefined {
    const call = this.#open.get(id)
    if (call === undefined || call.over) return undefined
    if (call.incoming === undefined || call.inputEnded) return `a message of call ${id} after its last one`
    return readBatch(payload, (encoding, bytes) =>
      call.over
        ? undefined
        : this.#take(call, { encoding, bytes, hasMessage: true, isLast: false }, 'unknown'),
    )
  }

  /** The caller needs no answer any more. Unless it is already sent, the call is answered here, so that both sides free the slot at once. */
  cancel(id: number): undefined {
    const call = this.#open.get(id)
    if (call !== undefined && !call.over)
      this.#giveUp(call, new ShmwireError(ErrorCode.ABORTED, 'the caller cancelled the call'), 'unknown')
  }

  /** This side needs no call any more: each is answered with `error`. */
  cancelAll(error: ShmwireError): void {
    for (const call of this.#open.values())
      if (call !== undefined && !call.over) this.#giveUp(call, error, 'unknown')
  }

  credit(id: number, payload: Buffer): string | undefined {
    const credit = parseCredit(payload)
    if (credit === undefined) return 'a malformed credit'
    const call = this.#open.get(id)
    if (call === undefined || call.over) return undefined
    if (call.window?.credit(credit.messages, credit.bytes) === true) return undefined
    return `credit for messages that call ${id} did not send`
  }

  /** The answers are not needed any more: the signals of the handlers fire. */
  fail(error: ShmwireError): void {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const call of open) if (call !== undefined) this.#handlers.abort(call, error)
  }

  /** The reason not to begin a call. */
  #refusal({ method, isLast }: CallRecord, served: ServedMethod | undefined): Failure | undefined {
    if (served === undefined) return layerFailure(ErrorCode.NO_HANDLER, this.#unknownMethod(method), 'no')
    if (this.#handlers.running >= HANDLERS_RUNNING_MAX)
      return layerFailure(
        ErrorCode.BACKLOG,
        `${this.#handlers.running} handlers are still running on this channel, the limit; at least half belong to cancelled calls: ` +
          'end a handler when its context.signal fires',
        'no',
      )
    if (!isLast && (served.kind === 'unary' || served.kind === 'serverStream'))
      return layerFailure(
        ErrorCode.INVALID_ARGUMENT,
        `${method} takes one message, and the caller sends a stream`,
        'no',
      )
    return undefined
  }

  #unknownMethod(method: string): string {
    const end = method.lastIndexOf('/')
    const service = method.slice(0, Math.max(0, end))
    if (this.#services.hasService(service))
      return `the service ${show(service)} has no method ${show(method.slice(end + 1))}`
    return `there is no service ${show(service)} at this address`
  }

  #refuse(id: number, { form, bytes }: Failure): void {
    this.#open.set(id, undefined)
    this.#push(id, encodeFailure(form, bytes, this.#port.maxMessageBytes))
  }

  #start(call: RunningCall, record: CallRecord): string | undefined {
    const { kind } = call.served
    if (record.isLast && kind !== 'clientStream' && kind !== 'bidi') {
      this.#startWithOne(call, record)
      return undefined
    }
    const incoming = new ReceivedStream({
      grant: (messages, bytes, granted) => {
        if (call.over) return
        this.#port.push(RecordKind.ANSWER_CREDIT, call.id, encodeCredit(messages, bytes), granted)
      },
      // The caller stops at its window, until the handler answers.
      abandon: () => {},
    })
    call.incoming = incoming
    call.watchDeadline()
    const fault = this.#take(call, record, 'no')
    if (fault === undefined && !call.over) this.#handlers.start(call, incoming)
    return fault
  }

  #startWithOne(call: RunningCall, record: CallRecord): void {
    let message: unknown
    try {
      message = this.#decode(call, record)
    } catch (error) {
      this.#giveUp(call, error as ShmwireError, 'no')
      return
    }
    if (!call.over) this.#handlers.start(call, message)
  }

  /** A message of a caller that streams has arrived, or the end of its messages. */
  #take(call: RunningCall, record: MoreRecord, executed: Executed): string | undefined {
    if (record.hasMessage) {
      // The form of binary messages is checked when they are decoded, and that of the others afterwards.
      if ((record.encoding === Encoding.BINARY) !== call.isBinary) return OTHER_ENCODING
      let message: unknown
      try {
        message = this.#decode(call, record)
      } catch (error) {
        this.#giveUp(call, error as ShmwireError, executed)
        return undefined
      }
      if (call.incoming?.push(message, record.bytes.length, undefined) !== true)
        return `more messages of call ${call.id} than its window`
    }
    if (record.isLast) this.#endInput(call)
    return undefined
  }

  #endInput(call: RunningCall): void {
    call.inputEnded = true
    call.incoming?.end()
  }

  #decode(call: RunningCall, { encoding, bytes }: Pick<CallRecord, 'encoding' | 'bytes'>): unknown {
    return decodeMessage(this.#port, encoding, bytes, call.served.input)
  }

  readonly #onDeadline = (call: RunningCall): void => {
    if (!call.over) this.#giveUp(call, call.deadlineError, 'unknown')
  }

  /** Answers with `error`, and ends the handler. */
  #giveUp(call: RunningCall, error: ShmwireError, executed: Executed): void {
    const { form, bytes } = layerFailure(error.code, textOfThrown(error), executed)
    this.#handlers.abort(call, error)
    this.#push(call.id, encodeFailure(form, bytes, this.#port.maxMessageBytes))
  }

  #push(id: number, payload: Uint8Array): void {
    this.#port.push(RecordKind.ANSWER, id, payload, () => {
      if (this.#open.delete(id)) this.#port.closeIfIdle()
    })
  }
}
