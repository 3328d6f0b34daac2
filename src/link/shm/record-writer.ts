import { bufferOver } from '../../buffer-over.js'
import type { NativeEndpoint } from '../../native/binding.js'
import type { LinkSink } from '../link.js'
import type { LinkContext } from './context.js'
import { STAGED_PAYLOAD_MAX, StagedRecords } from './staged-records.js'

/** Writes records to the ring of an open endpoint: copied by the addon, or filled in place through a claim. */
export class RecordWriter {
  readonly #context: LinkContext
  readonly #onFull: () => void
  readonly #endpoint: NativeEndpoint
  /** The longest record of the ring now, and after it has grown. */
  #inlineBytesMax: number
  readonly #inlineBytesLimit: number
  /** A waiting writer continues when so much is free. */
  readonly roomBytes: number
  /** This side's ring, after the first claim: V8 counts it as its own memory, and collects earlier. */
  #memory: ArrayBuffer | undefined
  #wantsRoom = false
  #staged: StagedRecords | undefined
  #hasStaged = false
  // As fields, because reading the binding for each record takes a part of its time.
  readonly #record: Uint32Array
  readonly #kindIndex: number
  readonly #idIndex: number
  readonly #results: Float64Array
  readonly #writtenIndex: number

  /** `onFull` runs when a record finds no room. */
  constructor(context: LinkContext, onFull: () => void) {
    const { binding, endpoint, ringBytes } = context
    this.#context = context
    this.#onFull = onFull
    this.#endpoint = endpoint
    this.#record = endpoint.record
    this.#kindIndex = binding.RECORD_KIND
    this.#idIndex = binding.RECORD_ID
    this.#results = endpoint.results
    this.#writtenIndex = binding.RESULT_WRITTEN
    this.#inlineBytesMax = endpoint.inlineBytesMax()
    this.#inlineBytesLimit = binding.inlineBytesMax(ringBytes)
    this.roomBytes = ringBytes / 4
  }

  /** A record found no room, and `drain` has not reported room since. */
  get wantsRoom(): boolean {
    return this.#wantsRoom
  }

  /** −1 if the runtime allows no buffer over foreign memory, or the program has transferred it. */
  get claimBytesMax(): number {
    this.#memory ??= this.#endpoint.ownMemory()
    // A ring grows only after a record found no room, so a quiet link does not need the call.
    if (this.#inlineBytesMax < this.#inlineBytesLimit && this.#context.stats.fullWaits > 0)
      this.#inlineBytesMax = this.#endpoint.inlineBytesMax()
    return this.#memory === undefined || this.#memory.byteLength === 0 ? -1 : this.#inlineBytesMax
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    if (this.#hasStaged && !this.flush()) return -1
    this.#record[this.#kindIndex] = kind
    this.#record[this.#idIndex] = id
    try {
      if (offset === 0) this.#endpoint.write(payload)
      else this.#endpoint.write(payload, offset)
    } catch (error) {
      this.#context.onError(error)
      return -1
    }
    const end = this.#results[this.#writtenIndex] as number
    if (end !== payload.length) this.#full()
    return end
  }

  /** See `Link.hasRoom`. */
  hasRoom(): boolean {
    try {
      return this.#endpoint.hasRoom(this.roomBytes)
    } catch (error) {
      this.#context.onError(error)
      return false
    }
  }

  /** See `Link.stage`. */
  stage(kind: number, id: number, payload: Uint8Array): number {
    if (payload.length > STAGED_PAYLOAD_MAX) return this.write(kind, id, payload, 0)
    this.#staged ??= new StagedRecords(this.#context.binding, this.#endpoint)
    const staged = this.#staged
    if (!staged.add(kind, id, payload)) {
      if (!this.flush()) return -1
      staged.add(kind, id, payload)
    }
    this.#hasStaged = true
    return payload.length
  }

  /** Writes the staged records. False: there is no room for all of them, and the rest precedes the next record. */
  flush(): boolean {
    if (!this.#hasStaged) return true
    try {
      this.#hasStaged = this.#staged?.flush() === false
    } catch (error) {
      this.#context.onError(error)
      return false
    }
    if (this.#hasStaged) this.#full()
    return !this.#hasStaged
  }

  /** `bytes` is at most `claimBytesMax`, which the caller has read. */
  claim(bytes: number): Uint8Array | undefined {
    if (!this.flush()) return undefined
    let offset: number
    try {
      offset = this.#endpoint.claim(bytes)
    } catch (error) {
      this.#context.onError(error)
      return undefined
    }
    if (offset >= 0) return bufferOver(this.#memory as ArrayBuffer, offset, bytes)
    this.#full()
    return undefined
  }

  commit(kind: number, id: number, bytes: number): void {
    this.#record[this.#kindIndex] = kind
    this.#record[this.#idIndex] = id
    this.#try(() => this.#endpoint.commit(bytes))
  }

  abort(): void {
    this.#endpoint.abort()
  }

  /** Reports room to the sink if a record waits for it. False: there is none, or the link failed. */
  drain(sink: LinkSink): boolean {
    if (!this.#wantsRoom || !this.hasRoom()) return false
    this.#wantsRoom = false
    if (this.flush()) sink.drain()
    return true
  }

  /** Only where a maximum is likely, and for `stats`: a native call for each write would cost too much. */
  measureDepth(): void {
    const { stats } = this.#context
    this.#try(() => {
      stats.depthBytes = this.#endpoint.depthBytes()
      stats.highWaterBytes = Math.max(stats.highWaterBytes, stats.depthBytes)
    })
  }

  #full(): void {
    this.#context.stats.fullWaits += 1
    this.#wantsRoom = true
    this.measureDepth()
    this.#onFull()
  }

  #try(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#context.onError(error)
    }
  }
}
