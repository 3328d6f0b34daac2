import { ErrorCode, ShmwireError } from '../../errors.js'
import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'
import { markShared, memoryTransferred } from '../../received-memory.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { lentMemories } from '../link.js'
import { viewOf } from '../view.js'

/** Messages of a batch are copied into slabs of this size, one behind the other. */
const SLAB_BYTES = 64 * 1024

/** A message this long gets a buffer of its own; a shorter one leaves at most so much of a slab unused. */
const OWN_BUFFER_BYTES_MIN = 8 * 1024

const NO_SLAB = Buffer.allocUnsafeSlow(0)

/** Records between two looks at the clock, which costs as much as handing one over. A power of two. */
const RECORDS_PER_CHECK = 32

/** What the reader needs of its link. */
export interface BatchHost {
  /** Whether records may be handed over at present. */
  readonly takes: boolean
  /** The link is over. Who destroys it leaves the endpoint to the reader while that is `lending`. */
  readonly closed: boolean
  give(kind: number, id: number, payload: Buffer): void
  /** All that came together has been given. */
  batchEnd(): void
  /** Another program took the core that the look gave away, and kept it for long. */
  coreLost(): void
  /** The peer broke the rules, or there is no memory for its message. */
  fail(error: unknown): void
}

/**
 * Copies batches out of the peer's ring into memory of JavaScript and hands them over record by record. The state is in
 * fields throughout, because a listener may throw, stop the link, or read on from inside (a blocking call).
 */
export class BatchReader {
  readonly #binding: NativeBinding
  readonly #endpoint: NativeEndpoint
  readonly #signals: Float64Array
  readonly #descriptors: Uint32Array
  readonly #words: number
  readonly #host: BatchHost
  /** Records are copied into it, or lie in it: then it is all of the peer's ring. Its length is 0 once it was transferred. */
  #slab: Buffer = NO_SLAB
  #slabOffset = 0
  /** Records of the last batch, and how many of them were handed over. */
  #batchCount = 0
  #batchNext = 0
  /** Records are handed over where they lie in the peer's ring, as far as that is possible. */
  readonly lends: boolean
  /** They are at present: until a listener transfers that memory. */
  #inPlace: boolean
  /**
   * The slab's memory, which begins where the slab does. A field, because asking a Buffer for its memory takes as long as
   * making one.
   */
  #memory: ArrayBufferLike = this.#slab.buffer
  /** Listeners look at records that lie in the peer's ring. */
  #lending = false
  /** A long message on its way in, and how much of it is there. */
  #assembly: Buffer | undefined
  #assemblyBytes = 0
  /**
   * The last long message. While this block above them is in use, the allocator cannot return the pages of those that
   * were collected to the kernel, and the next message uses them again: without it each costs its page faults anew.
   */
  readonly #lastLong: Buffer[] = []

  /** `lends`: records are to be handed over where they lie, if the runtime can. */
  constructor(binding: NativeBinding, endpoint: NativeEndpoint, host: BatchHost, lends: boolean) {
    this.#binding = binding
    this.#endpoint = endpoint
    this.#signals = endpoint.signals
    this.#descriptors = endpoint.descriptors
    this.#words = binding.DESCRIPTOR_WORDS
    this.#host = host
    const peerMemory = lends ? endpoint.peerMemory() : undefined
    this.lends = peerMemory !== undefined
    this.#inPlace = this.lends
    if (peerMemory !== undefined) {
      this.#useSlab(viewOf(peerMemory, 0, peerMemory.byteLength))
      lentMemories.add(peerMemory)
    }
  }

  /** Records of the last batch have not been handed over yet. */
  get pending(): boolean {
    return this.#batchNext < this.#batchCount
  }

  /** A long message is on its way in: the peer is at work. */
  get assembling(): boolean {
    return this.#assembly !== undefined
  }

  get lending(): boolean {
    return this.#lending
  }

  /** Throws while a listener looks at the peer's memory: nothing may be read before it returns. */
  assertNothingLent(): void {
    if (!this.#lending) return
    const what =
      'a listener that receives views cannot make a blocking call; copy the message, and call after the listener returned'
    throw new ShmwireError(ErrorCode.INVALID_ARGUMENT, what)
  }

  /** The link sleeps: an idle channel keeps no message alive. */
  forget(): void {
    this.#lastLong.length = 0
  }

  /**
   * Hands over what is left of the last batch, else one more. When there is none, looks as `NativeEndpoint.receive`
   * does. Returns how many records it handed over; fragments that moved count as one.
   */
  read(spinNanos: number, yieldCpu: boolean): number {
    if (this.pending) return this.#inPlace ? this.#handLent() : this.#hand()
    if (this.#assembly !== undefined) return this.#assemble(this.#assembly, spinNanos, yieldCpu)
    return this.#receive(spinNanos, yieldCpu)
  }

  #receive(spinNanos: number, yieldCpu: boolean, provided = false): number {
    if (this.#slab.length === 0) this.#replaceMemory()
    let count: number
    try {
      count = this.#inPlace
        ? this.#endpoint.receiveInPlace(spinNanos, yieldCpu)
        : this.#endpoint.receive(this.#slab, this.#slabOffset, spinNanos, yieldCpu)
    } catch (error) {
      this.#host.fail(error)
      return 0
    }
    const signals = this.#signals
    if (signals[this.#binding.SIGNAL_CORE_LOST] === 1) this.#host.coreLost()
    if (count === 0) {
      const requiredBytes = signals[this.#binding.SIGNAL_REQUIRED] as number
      if (requiredBytes < 0) return 0
      if (provided) return this.#changed()
      return this.#provide(requiredBytes, signals[this.#binding.SIGNAL_FRAGMENTED] === 1)
    }
    this.#slabOffset = signals[this.#binding.SIGNAL_OFFSET] as number
    this.#batchCount = count
    this.#batchNext = 0
    return this.#inPlace ? this.#handLent() : this.#hand()
  }

  /** Memory for the next message, which the slab has no room for. */
  #provide(requiredBytes: number, fragmented: boolean): number {
    let buffer: Buffer
    try {
      buffer = Buffer.allocUnsafeSlow(
        fragmented || requiredBytes >= OWN_BUFFER_BYTES_MIN ? requiredBytes : SLAB_BYTES,
      )
    } catch (cause) {
      const what = `there is no memory for a message of ${requiredBytes} bytes`
      this.#host.fail(new ShmwireError(ErrorCode.OUT_OF_MEMORY, what, { cause }))
      return 0
    }
    if (fragmented) {
      this.#assembly = buffer
      this.#assemblyBytes = 0
      return this.#assemble(buffer, 0, false)
    }
    // A message with a buffer of its own may be transferred; those of a slab share its memory.
    if (buffer.length === SLAB_BYTES) markShared(buffer.buffer)
    this.#useSlab(buffer)
    return this.#receive(0, false, true)
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
  }

  /** The record for which there was memory is another now: to go on for as long as it changes would be the peer's choice. */
  #changed(): number {
    this.#host.fail(new ShmwireError(ErrorCode.CORRUPT, 'the peer changed a record while it was read'))
    return 0
  }

  #assemble(assembly: Buffer, spinNanos: number, yieldCpu: boolean): number {
    let bytes: number
    try {
      bytes = this.#endpoint.assemble(assembly, spinNanos, yieldCpu)
    } catch (error) {
      this.#host.fail(error)
      return 0
    }
    if (this.#signals[this.#binding.SIGNAL_CORE_LOST] === 1) this.#host.coreLost()
    if (bytes < assembly.length) {
      const moved = bytes > this.#assemblyBytes ? 1 : 0
      this.#assemblyBytes = bytes
      return moved
    }
    this.#assembly = undefined
    this.#lastLong[0] = assembly
    this.#host.give(this.#descriptors[0] as number, this.#descriptors[1] as number, assembly)
    this.#host.batchEnd()
    return 1
  }

  /** Hands the batch over, as far as it is wanted and for as long as a turn may last. */
  #hand(): number {
    const descriptors = this.#descriptors
    let handed = 0
    let endMs = 0
    while (this.#batchNext < this.#batchCount && this.#host.takes) {
      if (handed > 0 && (handed & (RECORDS_PER_CHECK - 1)) === 0) {
        const nowMs = performance.now()
        if (endMs === 0) endMs = nowMs + TURN_MS_MAX
        else if (nowMs >= endMs) break
      }
      const at = this.#batchNext * this.#words
      const offset = descriptors[at + 2] as number
      const length = descriptors[at + 3] as number
      // A listener may have transferred the memory of the batch meanwhile.
      const payload =
        this.#slab.length > 0 ? viewOf(this.#memory, offset, length) : this.#withoutMemory(offset, length)
      if (payload === undefined) break
      // Before the call: the listener may throw, and the record has been given all the same.
      this.#batchNext += 1
      handed += 1
      this.#host.give(descriptors[at] as number, descriptors[at + 1] as number, payload)
    }
    this.#host.batchEnd()
    return handed
  }

  /** A listener of this batch has transferred the memory of the whole batch. Undefined: what it held is lost, and the channel fails. */
  #withoutMemory(offset: number, length: number): Buffer | undefined {
    const payload = Buffer.allocUnsafeSlow(length)
    if (this.#inPlace) this.#endpoint.copyFromPeer(offset, payload)
    else if (length > 0) {
      this.#batchNext = this.#batchCount
      this.#host.fail(memoryTransferred())
      return undefined
    }
    return payload
  }

  /** As `#hand`, of records that lie in the peer's ring and are given back once all of the batch have been handed over. */
  #handLent(): number {
    this.#lending = true
    try {
      return this.#hand()
    } finally {
      this.#lending = false
      if (this.#host.closed) this.#endpoint.close()
      else if (!this.pending) this.#release()
    }
  }

  /** Gives the batch's place in the ring back. */
  #release(): void {
    try {
      this.#endpoint.release()
    } catch (error) {
      this.#host.fail(error)
    }
  }
}
