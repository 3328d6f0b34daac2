import { Fifo } from '../fifo.js'
import type { Link } from '../link/link.js'
import { LinkedQueue, type QueueLinks } from '../linked-queue.js'
import { wrongTime } from '../options.js'
import { messagesIn } from '../wire/message-count.js'
import { RecordKind } from '../wire/record-kind.js'
import type { MessageCodec } from './message-codec.js'
import { WaitingBytes } from './waiting-bytes.js'

export const NO_PAYLOAD = new Uint8Array(0)

/** Copied between two questions for room. A peer reads a fragment of this length in about the same time. */
const COPY_STEP_BYTES = 128 * 1024

/** Called once: when the link has taken the whole record (and flushed it, for a message), or with the error that prevents it. */
export type Settle = ((error?: Error) => void) | undefined

/** A record that waits for room. */
export interface Outgoing extends QueueLinks<Outgoing> {
  readonly kind: number
  readonly id: number
  payload: Uint8Array
  /** Bytes of `payload` that the link has taken. */
  offset: number
  /** Nothing changes the payload before `settle` has run, and nothing ever does if it runs with an error. */
  readonly owned: boolean
  readonly settle: Settle
}

/**
 * Memory for the rest of a long payload, reused until it is collected: the kernel clears each page of
 * fresh memory, which takes longer than the copy. One for all channels of a thread, because most of
 * them send nothing long at the same time.
 */
let spare: WeakRef<ArrayBufferLike> | undefined

function takeMemory(bytes: number): Uint8Array {
  const memory = spare?.deref()
  spare = undefined
  const fits = memory !== undefined && memory.byteLength >= bytes
  return new Uint8Array(fits ? memory : Buffer.allocUnsafeSlow(bytes).buffer, 0, bytes)
}

/**
 * The records that wait for room, in the order of the calls. Invariant: while a record waits, only the
 * first one reaches the link, so records never overtake one another and the parts of a long payload
 * stay together. An open claim has the place of the next record: all others wait behind it.
 */
export class Outbox {
  /** Messages, requests, replies and messages of calls that the link has taken. */
  readonly counters = { messagesSent: 0, bytesSent: 0 }
  readonly #link: Link
  readonly #codec: Pick<MessageCodec, 'keep'>
  readonly #waitingBytes: WaitingBytes
  #waiting = new LinkedQueue<Outgoing>()
  /** Of messages that the link has taken, and that could be lost if this process ended now. */
  readonly #unflushed = new Fifo<NonNullable<Settle>>()
  /** Run when no record waits any more. */
  #onEmpty: (() => void)[] = []
  /** Calls of `cork` without their `uncork`. */
  #corks = 0
  #claim: Uint8Array | undefined
  /** The claim lies in the link's memory. */
  #claimInPlace = false
  #claimBytes = 0

  constructor(link: Link, codec: Pick<MessageCodec, 'keep'>, waitingBytes = new WaitingBytes()) {
    this.#link = link
    this.#codec = codec
    this.#waitingBytes = waitingBytes
  }

  get length(): number {
    return this.#waiting.length
  }

  get hasClaim(): boolean {
    return this.#claim !== undefined
  }

  /** See Channel.cork. */
  cork(): void {
    this.#corks += 1
  }

  /** See Channel.uncork. */
  uncork(): void {
    this.#corks = Math.max(0, this.#corks - 1)
    if (this.#corks === 0) this.#link.flush?.()
  }

  /** Passes the record to the link, now or in its turn. Returns it while it waits. */
  push(kind: number, id: number, payload: Uint8Array, settle?: Settle): Outgoing | undefined {
    const mayWrite = this.length === 0 && this.#claim === undefined
    const offset = mayWrite ? this.#link.write(kind, id, payload, 0) : -1
    if (offset === payload.length) {
      this.#count(messagesIn(kind, payload), offset)
      this.#settle(kind, settle)
      return undefined
    }
    const kept = this.#codec.keep(payload)
    const outgoing = newOutgoing(kind, id, kept, Math.max(offset, 0), kept !== payload, settle)
    this.#wait(outgoing)
    return outgoing
  }

  /**
   * Passes the record to the link now, or does nothing and returns false. A payload of which the link
   * takes a part counts as taken; the rest is copied, because the caller may reuse its memory.
   */
  tryPush(kind: number, id: number, payload: Uint8Array): boolean {
    if (this.#waiting.length > 0 || this.#claim !== undefined) return false
    const offset = this.#corks > 0 ? this.#stage(kind, id, payload) : this.#link.write(kind, id, payload, 0)
    if (offset === payload.length) {
      this.#count(messagesIn(kind, payload), offset)
      return true
    }
    if (offset < 0) return false
    this.#pushRest(kind, id, payload, offset)
    return true
  }

  /**
   * Copies what the link has no room for, from the end of the payload backwards. Meanwhile a peer that
   * reads makes room for the bytes at the other end, which then need no copy and reach it sooner.
   */
  #pushRest(kind: number, id: number, payload: Uint8Array, offset: number): void {
    const { length } = payload
    const link = this.#link
    const copy = takeMemory(length)
    const release = (error?: Error): void => {
      // After an error, the link may still hold the memory.
      if (error === undefined) spare = new WeakRef(copy.buffer)
    }
    let taken = offset
    for (let copied = length; taken < copied; ) {
      const start = Math.max(taken, copied - COPY_STEP_BYTES)
      copy.set(payload.subarray(start, copied), start)
      copied = start
      if (taken < copied && link.hasRoom?.() === true)
        taken = Math.max(taken, link.write(kind, id, payload, taken))
    }
    if (taken < length) taken = Math.max(taken, link.write(kind, id, copy, taken, true))
    if (taken === length) {
      this.#count(messagesIn(kind, payload), length)
      this.#settle(kind, release)
    } else this.#wait(newOutgoing(kind, id, copy, taken, true, release))
  }

  /** Memory for a message of up to `bytes`; undefined without room. No claim may be open. */
  claim(bytes: number): Uint8Array | undefined {
    if (this.#waiting.length > 0) return undefined
    const link = this.#link
    this.#claimInPlace = bytes <= (link.claimBytesMax ?? -1)
    this.#claimBytes = bytes
    // Cleared: the peer gets bytes that the program does not fill, and they must not be secrets.
    this.#claim = this.#claimInPlace ? link.claim?.(bytes) : Buffer.alloc(bytes)
    return this.#claim
  }

  /** Sends the first `bytes` of the open claim, before the records that wait behind it. */
  commit(bytes: number): void {
    const claim = this.#claim as Uint8Array
    if (this.#claimInPlace) {
      this.#claim = undefined
      this.#link.commit?.(RecordKind.MESSAGE, 0, bytes)
      this.#count(1, bytes)
      return
    }
    // Transferred memory leaves an array of length 0.
    if (claim.length !== this.#claimBytes)
      throw wrongTime('the memory of the claim was transferred before the commit; fill a claim in place')
    const payload = bytes === 0 ? NO_PAYLOAD : claim.subarray(0, bytes)
    this.#claim = undefined
    this.#waiting.unshift(newOutgoing(RecordKind.MESSAGE, 0, payload, 0, false, undefined))
    this.#waitingBytes.add(RecordKind.MESSAGE, payload)
  }

  /** Runs `flushed` when the link has flushed everything that was pushed so far; not at all if the channel ends before. */
  afterFlush(flushed: () => void): void {
    if (this.#waiting.length > 0 || this.#link.flush?.() === false) this.#onEmpty.push(flushed)
    else if (this.#link.afterFlush === undefined) flushed()
    else this.#link.afterFlush(flushed)
  }

  /** Releases the open claim, if there is one. The program may still write to its memory. */
  abort(): void {
    if (this.#claim === undefined) return
    this.#claim = undefined
    if (this.#claimInPlace) this.#link.abort?.()
  }

  /** Continues where the link had no room. True: no record waits any more. */
  pump(): boolean {
    if (this.#claim !== undefined) return false
    for (let outgoing = this.#waiting.first; outgoing !== undefined; outgoing = this.#waiting.first) {
      const { kind, payload, owned } = outgoing
      const offset = this.#link.write(kind, outgoing.id, payload, outgoing.offset, owned)
      if (offset >= 0) outgoing.offset = offset
      if (offset !== payload.length) return false
      this.#waiting.shift()
      this.#waitingBytes.remove(kind, payload)
      this.#count(messagesIn(kind, payload), offset)
      // The caller may reference the entry while its request is open, and must not keep the payload.
      outgoing.payload = NO_PAYLOAD
      this.#settle(kind, outgoing.settle)
    }
    for (const flushed of this.#onEmpty.splice(0)) this.afterFlush(flushed)
    return true
  }

  /**
   * Takes a record back. A record that the link has begun is sent whole instead, from a copy of its own,
   * so that the caller may reuse its memory.
   */
  withdraw(outgoing: Outgoing): boolean {
    if (outgoing.queue !== this.#waiting) return false
    if (outgoing.offset > 0) {
      if (!outgoing.owned) outgoing.payload = Buffer.from(outgoing.payload)
      return false
    }
    this.#waitingBytes.remove(outgoing.kind, outgoing.payload)
    return this.#waiting.remove(outgoing)
  }

  /** Settles the waiting records with `error`. With `keepBegun`, sends the rest of a begun record. */
  fail(error: Error, keepBegun: boolean): void {
    const failed = this.#waiting
    this.#waiting = new LinkedQueue()
    const begun =
      keepBegun && failed.first !== undefined && failed.first.offset > 0 ? failed.shift() : undefined
    if (begun !== undefined) this.#waiting.push(begun)
    if (!keepBegun)
      for (let settle = this.#unflushed.shift(); settle !== undefined; settle = this.#unflushed.shift())
        settle(error)
    for (let outgoing = failed.shift(); outgoing !== undefined; outgoing = failed.shift()) {
      this.#waitingBytes.remove(outgoing.kind, outgoing.payload)
      outgoing.settle?.(error)
    }
  }

  #stage(kind: number, id: number, payload: Uint8Array): number {
    return this.#link.stage?.(kind, id, payload) ?? this.#link.write(kind, id, payload, 0)
  }

  #wait(outgoing: Outgoing): void {
    this.#waiting.push(outgoing)
    this.#waitingBytes.add(outgoing.kind, outgoing.payload)
  }

  /** The link has taken the record. The caller of `send` waits until it cannot be lost. */
  #settle(kind: number, settle: Settle): void {
    if (settle === undefined) return
    if (kind !== RecordKind.MESSAGE || this.#link.afterFlush === undefined) settle()
    else {
      this.#unflushed.push(settle)
      this.#link.afterFlush(this.#flushed)
    }
  }

  readonly #flushed = (): void => {
    this.#unflushed.shift()?.()
  }

  /** A record without messages has no bytes for the statistics. */
  #count(messages: number, bytes: number): void {
    if (messages === 0) return
    this.counters.messagesSent += messages
    this.counters.bytesSent += bytes
  }
}

function newOutgoing(
  kind: number,
  id: number,
  payload: Uint8Array,
  offset: number,
  owned: boolean,
  settle: Settle,
): Outgoing {
  return { kind, id, payload, offset, owned, settle, queue: undefined, previous: undefined, next: undefined }
}
