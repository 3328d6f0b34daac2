import type { CallRecordHandler } from '../../channel/call-port.js'
import { type Channel, callPortOf } from '../../channel/channel.js'
import { ErrorCode, type Executed, ShmwireError } from '../../errors.js'
import { textOfThrown } from '../../uncaught.js'
import { RecordKind } from '../../wire/record-kind.js'
import { IncomingCalls } from './incoming-calls.js'
import { OutgoingCalls } from './outgoing-calls.js'
import { ServiceTable } from './service-table.js'

/** The calls of one channel, in both directions. */
export class ChannelCalls implements CallRecordHandler {
  readonly outgoing: OutgoingCalls
  /** The services that this side serves on this channel alone. */
  readonly services: ServiceTable
  readonly #incoming: IncomingCalls

  private constructor(channel: Channel, services: ServiceTable) {
    const port = callPortOf(channel)
    this.services = services
    this.outgoing = new OutgoingCalls(port)
    this.#incoming = new IncomingCalls(channel, port, services)
  }

  /** The same object for every call. */
  static of(channel: Channel): ChannelCalls {
    const port = callPortOf(channel)
    const existing = port.handler
    if (existing !== undefined) return existing as ChannelCalls
    const calls = new ChannelCalls(channel, new ServiceTable())
    port.handler = calls
    return calls
  }

  /** Ends the calls of the peer that are still open, with `error`. */
  cancelIncoming(error: ShmwireError): void {
    this.#incoming.cancelAll(error)
  }

  get idle(): boolean {
    return this.outgoing.idle && this.#incoming.idle
  }

  get calling(): boolean {
    return this.#incoming.calling
  }

  record(kind: number, id: number, payload: Buffer, closing: boolean): string | undefined {
    switch (kind) {
      case RecordKind.CALL:
        return this.#incoming.begin(id, payload, closing)
      case RecordKind.CALL_MORE:
        return this.#incoming.more(id, payload)
      case RecordKind.CALL_CANCEL:
        return payload.length > 0 ? 'a cancellation with a payload' : this.#incoming.cancel(id)
      case RecordKind.CALL_CREDIT:
        return this.#incoming.credit(id, payload)
      case RecordKind.ANSWER:
        return this.outgoing.answer(id, payload)
      case RecordKind.ANSWER_BATCH:
        return this.outgoing.answerBatch(id, payload)
      case RecordKind.CALL_BATCH:
        return this.#incoming.moreBatch(id, payload)
      case RecordKind.ANSWER_CREDIT:
        return this.outgoing.credit(id, payload)
      default:
        return `a record of unknown kind ${kind}`
    }
  }

  fail(error: Error, executed: Executed): void {
    const reason = asShmwireError(error)
    this.outgoing.fail(reason, executed)
    this.#incoming.fail(reason)
    this.services.ended()
  }
}

/** `destroy(error)` of the program can pass any error; that of a call has a code and a status. */
function asShmwireError(error: Error): ShmwireError {
  if (error instanceof ShmwireError) return error
  return new ShmwireError(ErrorCode.CLOSED, `the channel was destroyed: ${textOfThrown(error)}`, {
    cause: error,
  })
}
