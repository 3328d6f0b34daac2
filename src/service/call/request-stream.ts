import { type EncodedMessage, encodeMore } from '../../wire/call-records.js'
import { RecordKind } from '../../wire/record-kind.js'
import { encodeBinary, encodeWithCodec } from './call-messages.js'
import type { OutgoingCall } from './outgoing-call.js'
import type { StreamRecords } from './stream-sender.js'

/** The messages of a caller that sends a stream. */
export class RequestStream implements StreamRecords {
  readonly #call: OutgoingCall
  readonly #encode: (message: unknown) => Uint8Array

  constructor(call: OutgoingCall) {
    const { port } = call.calls
    this.#call = call
    this.#encode = (message) => port.encode(message)
  }

  get bytesMax(): number {
    return this.#call.calls.port.maxMessageBytes
  }

  check(): undefined {
    return undefined
  }

  partsOf(): undefined {
    return undefined
  }

  encode(message: unknown): EncodedMessage {
    const { method } = this.#call
    return method.binary === undefined
      ? encodeWithCodec(message, this.#encode)
      : encodeBinary(message, method)
  }

  sendOne(message: EncodedMessage, _parts: undefined, taken: () => void): void {
    const payload = encodeMore(message, false)
    this.#call.calls.port.assertLength(payload)
    this.#send(RecordKind.CALL_MORE, payload, taken)
  }

  sendBatch(payload: Buffer, taken: () => void): void {
    this.#send(RecordKind.CALL_BATCH, payload, taken)
  }

  #send(kind: number, payload: Buffer, taken: () => void): void {
    const { over, calls, id } = this.#call
    if (over) taken()
    else calls.port.push(kind, id, payload, taken)
  }
}
