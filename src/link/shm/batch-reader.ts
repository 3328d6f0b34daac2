import { borrowedMemories } from '../../borrowed-memories.js'
import { bufferOver } from '../../buffer-over.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import type { NativeEndpoint } from '../../native/binding.js'
import { markShared, memoryTransferred } from '../../received-memory.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { endsBatch } from '../../wire/record-kind.js'
import type { LinkSink } from '../link.js'
import { longBuffer } from '../long-buffers.js'
import type { LinkContext } from './context.js'

/** The messages of a batch are copied into slabs of this size, one after the other. */
const SLAB_BYTES = 64 * 1024

/**
 * The slabs of a link that has filled one without a sleep or a stop: fewer calls and turns for each message (docs/decisions/0076). A message that
 * the program keeps also keeps its slab, so a quiet link uses the small ones.
 */
const SLAB_BYTES_BUSY = 256 * 1024

/** Shorter records, on average, gain nothing from large slabs, which leave the cache of the core. */
const RECORD_BYTES_BUSY = 256

/** A message this long gets its own buffer; so at most this much of a slab stays unused. */
const OWN_BUFFER_BYTES_MIN = 8 * 1024

const NO_SLAB = Buffer.allocUnsafeSlow(0)

/** Records between two readings of the clock, which costs as much as delivering one. A power of two. */
const RECORDS_PER_CHECK = 32

/**
 * Copies batches out of the peer's ring and delivers them record by record. The state is in fields,
 * because a listener may throw, pause or destroy the link, or read on in a blocking call.
 */
export class BatchReader {
  readonly #context: Pick<LinkContext, 'binding' | 'budget' | 'onError'>
  readonly #endpoint: NativeEndpoint
  readonly #results: Float64Array
  // As fields, because reading the binding for each batch takes a part of its time.
  readonly #requiredIndex: number
  readonly #fragmentedIndex: number
  readonly #offsetIndex: number
  readonly #preemptedIndex: number
  readonly #descriptors: Uint32Array
  readonly #words: number
  #sink!: LinkSink
  /** The sink wants no record. */
  paused = false
  /** The peer is gone; see `freeze`. */
  frozen = false
  #closed = false
  /** Holds the copies of records, or is the peer's ring. Its length is 0 after a transfer. */
  #slab: Buffer = NO_SLAB
  /** The link has slept since it allocated the slab. */
  #slept = false
  /** The sink has stopped the link since its last sleep: it holds messages, and counts the whole slab of each. */
  #stopped = false
  #slabOffset = 0
  #slabRecords = 0
  /** Records of the last batch, and how many of them were delivered. */
  #batchCount = 0
  #batchNext = 0
  /** Records are delivered where they lie in the peer's ring, as far as possible. */
  readonly borrowsPeerMemory: boolean
  /** They are now: until a listener transfers that memory. */
  #inPlace: boolean
  /** The memory of the slab. A field, because reading `buffer` takes as long as creating a Buffer. */
  #memory: ArrayBufferLike = this.#slab.buffer
  /** Listeners read records that lie in the peer's ring. */
  #borrowing = false
  /** A long message that is still arriving, and its bytes so far. */
  #assembly: Buffer | undefined
  #assemblyBytes = 0
  /**
   * The last long message. While this block is in use, the allocator cannot return the pages below it
   * to the kernel, and the next message reuses them; otherwise each message costs its page faults again.
   */
  readonly #lastLong: Buffer[] = []

  /** `inPlace`: deliver records where they lie in the peer's ring, if the runtime can. */
  constructor(context: Pick<LinkContext, 'binding' | 'budget' | 'endpoint' | 'onError'>, inPlace: boolean) {
    const { binding, endpoint } = context
    this.#context = context
    this.#requiredIndex = binding.RESULT_REQUIRED
    this.#fragmentedIndex = binding.RESULT_FRAGMENTED
    this.#offsetIndex = binding.RESULT_OFFSET
    this.#preemptedIndex = binding.RESULT_PREEMPTED
    this.#endpoint = endpoint
    this.#results = endpoint.results
    this.#descriptors = endpoint.descriptors
    this.#words = binding.DESCRIPTOR_WORDS
    const peerMemory = inPlace ? endpoint.peerMemory() : undefined
    this.borrowsPeerMemory = peerMemory !== undefined
    this.#inPlace = this.borrowsPeerMemory
    if (peerMemory !== undefined) {
      this.#useSlab(bufferOver(peerMemory, 0, peerMemory.byteLength))
      borrowedMemories.add(peerMemory)
    }
  }

  /** Before the first `read`. */
  start(sink: LinkSink): void {
    this.#sink = sink
  }

  /** The peer is gone: later writes are not read, and a pause does not stop the last records. */
  freeze(): void {
    this.frozen = true
    this.#endpoint.freeze()
  }

  /** Records may be delivered now. */
  get mayDeliver(): boolean {
    return (!this.paused || this.frozen) && !this.#closed
  }

  /** Closes the endpoint, as soon as the listeners that read its memory have returned. */
  close(): void {
    this.#closed = true
    if (!this.#borrowing) this.#endpoint.close()
  }

  /** Records of the last batch are not delivered yet. */
  get pending(): boolean {
    return this.#batchNext < this.#batchCount
  }

  /** A part of a long message has arrived: the peer is working. */
  get assembling(): boolean {
    return this.#assembly !== undefined
  }

  /** Throws while a listener reads the peer's memory: a further read would release it. */
  assertNothingBorrowed(): void {
    if (!this.#borrowing) return
    const what =
      'a listener that receives views must not call the *Sync methods; copy the message, and call after the listener returned'
    throw new ShmwireError(ErrorCode.INVALID_STATE, what)
  }

  /** Releases the memory of the last long message and large slabs: an idle link keeps no message alive. */
  forget(): void {
    this.#lastLong.length = 0
    this.#slept = true
    this.#stopped = false
    if (this.#slab.length !== SLAB_BYTES && !this.#inPlace && !this.pending) this.#useSlab(NO_SLAB)
  }

  /**
   * Delivers the rest of the last batch, else one more. Without a record, polls as
   * `NativeEndpoint.receive` does. Returns the number of records; new fragments count as one.
   */
  read(spinNanos: number, yieldCpu: boolean): number {
    if (this.pending) return this.#inPlace ? this.#deliverInPlace() : this.#deliver()
    if (this.#assembly !== undefined) return this.#assemble(this.#assembly, spinNanos, yieldCpu)
    return this.#receive(spinNanos, yieldCpu)
  }

  /** `providedBytes`: the slab was allocated for a record of this length. */
  #receive(spinNanos: number, yieldCpu: boolean, providedBytes = -1): number {
    if (this.#slab.length === 0) this.#replaceMemory()
    let count: number
    try {
      count = this.#inPlace
        ? this.#endpoint.receiveInPlace(spinNanos, yieldCpu)
        : this.#endpoint.receive(this.#slab, this.#slabOffset, spinNanos, yieldCpu)
    } catch (error) {
      this.#context.onError(error)
      return 0
    }
    const results = this.#results
    if (results[this.#preemptedIndex] === 1) this.#preempted(count)
    if (count === 0) {
      if (providedBytes >= 0) return this.#changed()
      const requiredBytes = results[this.#requiredIndex] as number
      if (requiredBytes < 0) return 0
      return this.#provide(requiredBytes, results[this.#fragmentedIndex] === 1)
    }
    // A shorter record would show a listener old bytes of the memory behind it.
    if (this.#slab.length === providedBytes && this.#descriptors[3] !== providedBytes) return this.#changed()
    this.#slabOffset = results[this.#offsetIndex] as number
    this.#slabRecords += count
    this.#batchCount = count
    this.#batchNext = 0
    return this.#inPlace ? this.#deliverInPlace() : this.#deliver()
  }

  /** Allocates memory for the next message, which does not fit into the slab. */
  #provide(requiredBytes: number, fragmented: boolean): number {
    const isOwn = fragmented || requiredBytes >= OWN_BUFFER_BYTES_MIN
    let buffer: Buffer
    try {
      buffer = isOwn ? longBuffer(this.#context.binding, requiredBytes) : this.#newSlab()
    } catch (cause) {
      const what = `there is no memory for a message of ${requiredBytes} bytes`
      this.#context.onError(new ShmwireError(ErrorCode.OUT_OF_MEMORY, what, { cause }))
      return 0
    }
    if (fragmented) {
      this.#assembly = buffer
      this.#assemblyBytes = 0
      return this.#assemble(buffer, 0, false)
    }
    this.#useSlab(buffer)
    return this.#receive(0, false, requiredBytes)
  }

  #newSlab(): Buffer {
    const { length } = this.#slab
    const isSlab = length === SLAB_BYTES || length === SLAB_BYTES_BUSY
    const isBusy = isSlab && !this.#slept && !this.#stopped && length >= RECORD_BYTES_BUSY * this.#slabRecords
    const slab = Buffer.allocUnsafeSlow(isBusy ? SLAB_BYTES_BUSY : SLAB_BYTES)
    // A message with its own buffer may be transferred; those of a slab share its memory.
    markShared(slab.buffer)
    this.#slept = false
    return slab
  }

  /** There is no memory for records yet, or a listener has transferred it. */
  #replaceMemory(): void {
    this.#inPlace = false
    this.#useSlab(NO_SLAB)
  }

  #useSlab(slab: Buffer): void {
    this.#slab = slab
    this.#memory = slab.buffer
    this.#slabOffset = 0
    this.#slabRecords = 0
  }

  /** The record has changed since there was memory for it. An honest peer never changes one. */
  #changed(): number {
    this.#context.onError(new ShmwireError(ErrorCode.CORRUPT, 'the peer changed a record while it was read'))
    return 0
  }

  #assemble(assembly: Buffer, spinNanos: number, yieldCpu: boolean): number {
    let bytes: number
    try {
      bytes = this.#endpoint.assemble(assembly, spinNanos, yieldCpu)
    } catch (error) {
      this.#context.onError(error)
      return 0
    }
    if (this.#results[this.#preemptedIndex] === 1) this.#preempted(0)
    if (bytes < assembly.length) {
      const moved = bytes > this.#assemblyBytes ? 1 : 0
      this.#assemblyBytes = bytes
      return moved
    }
    this.#assembly = undefined
    this.#lastLong[0] = assembly
    const { 0: kind, 1: id } = this.#descriptors
    if (!this.#sink.record(kind as number, id as number, assembly)) this.paused = true
    this.#sink.batchEnd?.()
    return 1
  }

  /** Delivers the batch until the sink pauses, or the turn has lasted long enough. */
  #deliver(): number {
    const descriptors = this.#descriptors
    let delivered = 0
    let endMs = 0
    let inBatch = false
    while (this.#batchNext < this.#batchCount && this.mayDeliver) {
      const at = this.#batchNext * this.#words
      const kind = descriptors[at] as number
      const ends = endsBatch(kind)
      if (inBatch && ends) {
        inBatch = false
        this.#sink.batchEnd?.()
        // A listener may have blocked, and read on from here.
        continue
      }
      inBatch = !ends
      if (delivered > 0 && (delivered & (RECORDS_PER_CHECK - 1)) === 0) {
        const timeMs = nowMs()
        if (endMs === 0) endMs = timeMs + TURN_MS_MAX
        else if (timeMs >= endMs) break
      }
      const offset = descriptors[at + 2] as number
      const length = descriptors[at + 3] as number
      // A listener may have transferred the memory of the batch.
      const payload =
        this.#slab.length > 0 ? bufferOver(this.#memory, offset, length) : this.#withoutMemory(offset, length)
      if (payload === undefined) break
      // Before the call: a listener may throw, and has had the record.
      this.#batchNext += 1
      delivered += 1
      if (!this.#sink.record(kind, descriptors[at + 1] as number, payload)) this.#stop()
    }
    this.#sink.batchEnd?.()
    return delivered
  }

  #stop(): void {
    this.paused = true
    this.#stopped = true
  }

  /** A listener has transferred the memory of the whole batch. Undefined: it is lost, and the channel fails. */
  #withoutMemory(offset: number, length: number): Buffer | undefined {
    const payload = Buffer.allocUnsafeSlow(length)
    if (this.#inPlace) this.#endpoint.copyFromPeer(offset, payload)
    else if (length > 0) {
      this.#batchNext = this.#batchCount
      this.#context.onError(memoryTransferred())
      return undefined
    }
    return payload
  }

  /** As `#deliver`, of records in the peer's ring, whose room is released after the whole batch. */
  #deliverInPlace(): number {
    this.#borrowing = true
    try {
      return this.#deliver()
    } finally {
      this.#borrowing = false
      if (this.#closed) this.#endpoint.close()
      else if (!this.pending) this.#release()
    }
  }

  #release(): void {
    try {
      this.#endpoint.release()
    } catch (error) {
      this.#context.onError(error)
    }
  }

  #preempted(records: number): void {
    this.#context.budget.preempted(nowMs() * 1000, records)
  }
}
