import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'
import { viewOf } from '../view.js'

/** What the writer needs of its link. */
export interface WriterHost {
  /** The endpoint is gone. */
  readonly closed: boolean
  /** There was no room. */
  lacksRoom(): void
  /** The peer broke the rules. */
  fail(error: unknown): void
}

/** Puts records into this side's ring: copied by the addon, or filled in place by whoever claims the room. */
export class RecordWriter {
  readonly #endpoint: NativeEndpoint
  readonly #host: WriterHost
  readonly #inlineBytesMax: number
  /** This side's ring, once somebody has claimed: V8 counts it as if it were its own, and collects sooner. */
  #memory: ArrayBuffer | undefined
  // As fields, because looking into the binding at each record takes a part of its time.
  readonly #record: Uint32Array
  readonly #kindIndex: number
  readonly #idIndex: number
  readonly #signals: Float64Array
  readonly #writtenSignal: number

  constructor(binding: NativeBinding, endpoint: NativeEndpoint, host: WriterHost, ringBytes: number) {
    this.#endpoint = endpoint
    this.#host = host
    this.#record = endpoint.record
    this.#kindIndex = binding.RECORD_KIND
    this.#idIndex = binding.RECORD_ID
    this.#signals = endpoint.signals
    this.#writtenSignal = binding.SIGNAL_WRITTEN
    this.#inlineBytesMax = binding.inlineBytesMax(ringBytes)
  }

  /**
   * The longest payload that can be claimed; −1 where the runtime allows no buffer over foreign memory, or the program
   * has transferred it.
   */
  get claimBytesMax(): number {
    if (this.#host.closed) return -1
    this.#memory ??= this.#endpoint.ownMemory()
    return this.#memory === undefined || this.#memory.byteLength === 0 ? -1 : this.#inlineBytesMax
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    if (this.#host.closed) return -1
    this.#record[this.#kindIndex] = kind
    this.#record[this.#idIndex] = id
    try {
      if (offset === 0) this.#endpoint.write(payload)
      else this.#endpoint.write(payload, offset)
    } catch (error) {
      this.#host.fail(error)
      return -1
    }
    const end = this.#signals[this.#writtenSignal] as number
    if (end !== payload.length) this.#host.lacksRoom()
    return end
  }

  /** Of at most `claimBytesMax`, which must have been asked for. */
  claim(bytes: number): Uint8Array | undefined {
    if (this.#host.closed) return undefined
    let offset: number
    try {
      offset = this.#endpoint.claim(bytes)
    } catch (error) {
      this.#host.fail(error)
      return undefined
    }
    if (offset >= 0) return viewOf(this.#memory as ArrayBuffer, offset, bytes)
    this.#host.lacksRoom()
    return undefined
  }

  commit(kind: number, id: number, bytes: number): void {
    if (this.#host.closed) return
    this.#record[this.#kindIndex] = kind
    this.#record[this.#idIndex] = id
    try {
      this.#endpoint.commit(bytes)
    } catch (error) {
      this.#host.fail(error)
    }
  }

  abort(): void {
    if (this.#host.closed) return
    this.#endpoint.abort()
  }
}
