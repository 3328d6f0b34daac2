import type { Link } from '../link/link.js'
import { LinkedQueue, type QueueLinks } from '../linked-queue.js'

export const NO_PAYLOAD = new Uint8Array(0)

/** A record on its way to the link. */
export interface Outgoing extends QueueLinks<Outgoing> {
  readonly kind: number
  readonly id: number
  payload: Uint8Array
  /** Bytes of `payload` that the link has taken. */
  offset: number
  /** Called once: without an error when the link has taken all of it, else with why it never will. */
  settle: ((error?: Error) => void) | undefined
}

const NO_BYTES = new Uint8Array(0)

/**
 * Memory for the rest of a long payload is used again while the collector leaves it: of fresh memory the kernel clears each
 * page, which takes longer than the copy. One for all channels of a thread, as most of them send nothing long at a time.
 */
let spare: WeakRef<ArrayBufferLike> | undefined

function takeMemory(bytes: number): Uint8Array {
  const memory = spare?.deref()
  spare = undefined
  const fits = memory !== undefined && memory.byteLength >= bytes
  return new Uint8Array(fits ? memory : Buffer.allocUnsafeSlow(bytes).buffer, 0, bytes)
}

/**
 * The records that wait for room, in the order of the calls. Invariant: while it is not empty, nothing
 * reaches the link but through its head, so records never overtake one another and the parts of a
 * long payload stay together.
 */
export class Outbox {
  readonly #link: Link
  readonly #keep: (payload: Uint8Array) => Uint8Array
  /** Somebody fills the place of the next record himself: all others wait behind it. */
  held = false
  #waiting = new LinkedQueue<Outgoing>()

  /** `keep` makes a payload fit to wait. */
  constructor(link: Link, keep: (payload: Uint8Array) => Uint8Array) {
    this.#link = link
    this.#keep = keep
  }

  get length(): number {
    return this.#waiting.length
  }

  /** Hands the record to the link or, in its turn, later. */
  push(
    kind: number,
    id: number,
    payload: Uint8Array,
    settle?: (error?: Error) => void,
  ): Outgoing | undefined {
    const offset = this.length === 0 && !this.held ? this.#link.write(kind, id, payload, 0) : -1
    if (offset === payload.length) {
      settle?.()
      return undefined
    }
    return this.#wait(kind, id, this.#keep(payload), Math.max(offset, 0), settle)
  }

  /**
   * Hands the record to the link at once, or does nothing and returns false. A payload that the link takes
   * in part counts as taken; its rest is copied, because the caller may reuse the memory.
   */
  tryPush(kind: number, id: number, payload: Uint8Array): boolean {
    if (this.#waiting.length > 0 || this.held) return false
    const offset = this.#link.write(kind, id, payload, 0)
    if (offset === payload.length) return true
    if (offset < 0) return false
    const copy = takeMemory(payload.length)
    // In its place; what the link has taken is not looked at again.
    copy.set(payload.subarray(offset), offset)
    const settle = (): void => {
      spare = new WeakRef(copy.buffer)
    }
    this.#wait(kind, id, copy, offset, settle)
    return true
  }

  /** Hands a record that nobody will change to the link, before those that were held behind it. */
  pushFirst(kind: number, id: number, payload: Uint8Array): void {
    this.#waiting.unshift(newOutgoing(kind, id, payload, 0, undefined))
    this.pump()
  }

  /** Goes on where the link had no room. True: nothing waits any more. */
  pump(): boolean {
    if (this.held) return false
    for (let outgoing = this.#waiting.first; outgoing !== undefined; outgoing = this.#waiting.first) {
      const offset = this.#link.write(outgoing.kind, outgoing.id, outgoing.payload, outgoing.offset)
      if (offset >= 0) outgoing.offset = offset
      if (offset !== outgoing.payload.length) return false
      this.#waiting.shift()
      // The caller that could withdraw it may keep the entry for as long as a request is open, and the payload not.
      outgoing.payload = NO_BYTES
      outgoing.settle?.()
    }
    return true
  }

  #wait(kind: number, id: number, payload: Uint8Array, offset: number, settle: Outgoing['settle']): Outgoing {
    const outgoing = newOutgoing(kind, id, payload, offset, settle)
    this.#waiting.push(outgoing)
    return outgoing
  }

  /**
   * Takes a record back. One that the link has begun cannot be: it is sent whole, from a copy, so that the
   * caller may reuse its memory.
   */
  withdraw(outgoing: Outgoing): boolean {
    if (outgoing.queue !== this.#waiting) return false
    if (outgoing.offset > 0) {
      outgoing.payload = Buffer.from(outgoing.payload)
      return false
    }
    return this.#waiting.remove(outgoing)
  }

  /** Settles everything that waits with `error`. With `keepBegun`, a record that the link has begun stays, and is finished. */
  fail(error: Error, keepBegun: boolean): void {
    const failed = this.#waiting
    this.#waiting = new LinkedQueue()
    const begun =
      keepBegun && failed.first !== undefined && failed.first.offset > 0 ? failed.shift() : undefined
    if (begun !== undefined) this.#waiting.push(begun)
    for (let outgoing = failed.shift(); outgoing !== undefined; outgoing = failed.shift())
      outgoing.settle?.(error)
  }
}

function newOutgoing(
  kind: number,
  id: number,
  payload: Uint8Array,
  offset: number,
  settle: Outgoing['settle'],
): Outgoing {
  return { kind, id, payload, offset, settle, queue: undefined, previous: undefined, next: undefined }
}
