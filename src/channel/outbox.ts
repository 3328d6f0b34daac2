import type { Link } from '../link/link.js'

/** A record on its way to the link. */
export interface Outgoing {
  readonly kind: number
  readonly id: number
  payload: Uint8Array
  /** Bytes of `payload` that the link has taken. */
  offset: number
  /** Called once: without an error when the link has taken all of it, else with why it never will. */
  settle: ((error?: Error) => void) | undefined
}

/** Records in front of the head that are worth a copy of those behind it. */
const SENT_MIN = 256

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
  #waiting: Outgoing[] = []
  /** Index of the head; shifting an array of thousands for each record would be quadratic. */
  #head = 0

  /** `keep` makes a payload fit to wait. */
  constructor(link: Link, keep: (payload: Uint8Array) => Uint8Array) {
    this.#link = link
    this.#keep = keep
  }

  get length(): number {
    return this.#waiting.length - this.#head
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
    const outgoing: Outgoing = { kind, id, payload: this.#keep(payload), offset: Math.max(offset, 0), settle }
    this.#waiting.push(outgoing)
    return outgoing
  }

  /**
   * Hands the record to the link at once, or does nothing and returns false. A payload that the link takes
   * in part counts as taken; its rest is copied, because the caller may reuse the memory.
   */
  tryPush(kind: number, id: number, payload: Uint8Array): boolean {
    if (this.#waiting.length !== this.#head || this.held) return false
    const offset = this.#link.write(kind, id, payload, 0)
    if (offset === payload.length) return true
    if (offset < 0) return false
    const copy = takeMemory(payload.length)
    // In its place; what the link has taken is not looked at again.
    copy.set(payload.subarray(offset), offset)
    const settle = (): void => {
      spare = new WeakRef(copy.buffer)
    }
    this.#waiting.push({ kind, id, payload: copy, offset, settle })
    return true
  }

  /** Hands a record that nobody will change to the link, before those that were held behind it. */
  pushFirst(kind: number, id: number, payload: Uint8Array): void {
    this.#waiting.splice(this.#head, 0, { kind, id, payload, offset: 0, settle: undefined })
    this.pump()
  }

  /** Goes on where the link had no room. True: nothing waits any more. */
  pump(): boolean {
    if (this.held) return false
    while (this.#head < this.#waiting.length) {
      const outgoing = this.#waiting[this.#head] as Outgoing
      const offset = this.#link.write(outgoing.kind, outgoing.id, outgoing.payload, outgoing.offset)
      if (offset >= 0) outgoing.offset = offset
      if (offset !== outgoing.payload.length) return false
      this.#head += 1
      this.#forgetSent()
      outgoing.settle?.()
    }
    return true
  }

  /** Under a steady load something always waits, and what is in front of the head would pile up. */
  #forgetSent(): void {
    const length = this.#waiting.length
    if (this.#head < length && (this.#head < SENT_MIN || this.#head * 2 < length)) return
    this.#waiting = this.#waiting.slice(this.#head)
    this.#head = 0
  }

  /**
   * Takes a record back. One that the link has begun cannot be: it is sent whole, from a copy, so that the
   * caller may reuse its memory.
   */
  withdraw(outgoing: Outgoing): boolean {
    const index = this.#waiting.indexOf(outgoing, this.#head)
    if (index < 0) return false
    if (outgoing.offset > 0) {
      outgoing.payload = Buffer.from(outgoing.payload)
      return false
    }
    this.#waiting.splice(index, 1)
    return true
  }

  /** Settles everything that waits with `error`. With `keepBegun`, a record that the link has begun stays, and is finished. */
  fail(error: Error, keepBegun: boolean): void {
    const failed = this.#waiting.slice(this.#head)
    const begun = keepBegun && failed[0] !== undefined && failed[0].offset > 0 ? failed.shift() : undefined
    this.#waiting = begun === undefined ? [] : [begun]
    this.#head = 0
    for (const outgoing of failed) outgoing.settle?.(error)
  }
}
