import type { CallPort } from '../../channel/call-port.js'
import { invalid } from '../../options.js'
import {
  type AnswerParts,
  type EncodedMessage,
  EVENT_ID_BYTES_MAX,
  encodeAnswer,
} from '../../wire/call-records.js'
import { RecordKind } from '../../wire/record-kind.js'
import { checkOutput, encodeOutput } from './answer-message.js'
import { Tracked } from './call-context.js'
import { isMetadataText } from './metadata.js'
import type { RunningCall } from './running-call.js'
import type { StreamRecords } from './stream-sender.js'

/** The messages of a handler that answers with a stream. */
export class AnswerStream implements StreamRecords {
  readonly #call: RunningCall
  readonly #port: CallPort
  readonly #encode: (message: unknown) => Uint8Array

  constructor(call: RunningCall, port: CallPort, encode: (message: unknown) => Uint8Array) {
    this.#call = call
    this.#port = port
    this.#encode = encode
  }

  get bytesMax(): number {
    return this.#port.maxMessageBytes
  }

  check(message: unknown): PromiseLike<unknown> | undefined {
    return checkOutput(this.#call, messageIn(message))
  }

  partsOf(message: unknown): AnswerParts | undefined {
    const headers = this.#call.takeHeaders()
    if (message instanceof Tracked) return { headers, eventId: encodeEventId(message.id) }
    return headers === undefined ? undefined : { headers }
  }

  encode(message: unknown): EncodedMessage {
    return encodeOutput(this.#call, messageIn(message), this.#encode)
  }

  sendOne(message: EncodedMessage, parts: AnswerParts | undefined, taken: () => void): void {
    const payload = encodeAnswer(message, false, parts)
    this.#port.assertLength(payload)
    this.#send(RecordKind.ANSWER, payload, taken)
  }

  sendBatch(payload: Buffer, taken: () => void): void {
    this.#send(RecordKind.ANSWER_BATCH, payload, taken)
  }

  #send(kind: number, payload: Buffer, taken: () => void): void {
    if (this.#call.over) taken()
    else this.#port.push(kind, this.#call.id, payload, taken)
  }
}

function messageIn(yielded: unknown): unknown {
  return yielded instanceof Tracked ? yielded.message : yielded
}

function encodeEventId(id: string): Buffer {
  // The caller sends it back as a header.
  if (typeof id === 'string' && id.length <= EVENT_ID_BYTES_MAX && isMetadataText(id)) return Buffer.from(id)
  throw invalid(
    'the id of a tracked message',
    id,
    `a string of at most ${EVENT_ID_BYTES_MAX} printable ASCII characters`,
  )
}
