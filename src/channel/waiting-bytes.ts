import { ErrorCode, ShmwireError } from '../errors.js'
import { RecordKind } from '../wire/record-kind.js'

/** The memory of a record that waits, beside its payload. */
const RECORD_BYTES = 64

/** The memory of the messages, requests and calls of a channel that wait to be sent. Replies and notes of the codec do not count. */
export class WaitingBytes {
  readonly #bytesMax: number
  #bytes = 0

  /** `bytesMax` is the option `maxOutboxBytes`. */
  constructor(bytesMax: number = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Throws `BACKLOG` if a message with this payload must not wait behind the others. */
  assertRoom(payload: Uint8Array): void {
    if (this.#bytes === 0 || this.#bytes + RECORD_BYTES + payload.length <= this.#bytesMax) return
    throw new ShmwireError(
      ErrorCode.BACKLOG,
      `${this.#bytes} bytes wait to be sent, and ${payload.length} more are beyond maxOutboxBytes: ${this.#bytesMax}; ` +
        'await the earlier calls, or send less',
    )
  }

  add(kind: number, payload: Uint8Array): void {
    if (isBounded(kind)) this.#bytes += RECORD_BYTES + payload.length
  }

  remove(kind: number, payload: Uint8Array): void {
    if (isBounded(kind)) this.#bytes -= RECORD_BYTES + payload.length
  }
}

function isBounded(kind: number): boolean {
  return kind <= RecordKind.REQUEST || kind === RecordKind.CALL
}
