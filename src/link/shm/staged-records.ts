import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'

/** Fits in the first-level cache together with the memory that the records are copied to. */
const STAGED_BYTES_MAX = 8 * 1024
/** A longer record gains nothing: its copy takes longer than the call of the addon. */
export const STAGED_PAYLOAD_MAX = 512
const ALIGNMENT = 16
/** Of the bytes of a word. */
const WORD_SHIFT = 2
/** Where a header has its fields, in words: native/core/ring_layout.h. */
const LENGTH_WORD = 0
const KIND_WORD = 1
const ID_WORD = 2

/** Short records that one call of the addon writes together, in the form that they have in a ring. */
export class StagedRecords {
  readonly #endpoint: NativeEndpoint
  readonly #headerBytes: number
  readonly #writtenIndex: number
  readonly #bytes = Buffer.allocUnsafeSlow(STAGED_BYTES_MAX)
  readonly #words = new Uint32Array(this.#bytes.buffer)
  #length = 0

  constructor(binding: NativeBinding, endpoint: NativeEndpoint) {
    this.#endpoint = endpoint
    this.#headerBytes = binding.RECORD_HEADER_BYTES
    this.#writtenIndex = binding.RESULT_WRITTEN
  }

  /** False: there is no room before the next flush. The payload has at most STAGED_PAYLOAD_MAX bytes. */
  add(kind: number, id: number, payload: Uint8Array): boolean {
    const start = this.#length
    const { length } = payload
    const payloadStart = start + this.#headerBytes
    const end = (payloadStart + length + ALIGNMENT - 1) & -ALIGNMENT
    if (end > STAGED_BYTES_MAX) return false
    const word = start >> WORD_SHIFT
    const words = this.#words
    words[word + LENGTH_WORD] = length
    words[word + KIND_WORD] = kind
    words[word + ID_WORD] = id
    this.#bytes.set(payload, payloadStart)
    this.#length = end
    return true
  }

  /** False: the ring has no room for all of them. Throws NativeError. */
  flush(): boolean {
    this.#endpoint.writeRecords(this.#bytes, this.#length)
    const written = this.#endpoint.results[this.#writtenIndex] as number
    if (written > 0) this.#bytes.copyWithin(0, written, this.#length)
    this.#length -= written
    return this.#length === 0
  }
}
