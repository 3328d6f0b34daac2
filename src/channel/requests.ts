import { LinkedQueue, type QueueLinks } from '../linked-queue.js'
import type { Outgoing } from './outbox.js'
import { decodeRemoteError } from './remote-error.js'

/**
 * Requests that one side may have open at once. A protocol constant (docs/protocol.md): the requester lets
 * further ones wait, so the answering side can hold the peer to it and its memory stays bounded
 * without ever having to stop reading, which could leave two full sides waiting for each other.
 */
export const REQUESTS_OPEN_MAX = 4096

/** What the asking side needs of its channel. */
export interface RequestsHost {
  /** Sends a request in its turn. Returns it while it waits for room. */
  send(id: number, payload: Uint8Array): Outgoing | undefined
  /** Takes a request back from those that wait for room. False: the link has it, or has begun it. */
  withdraw(outgoing: Outgoing): boolean
}

interface Pending extends QueueLinks<Pending> {
  readonly resolve: (payload: Buffer) => void
  readonly reject: (error: Error) => void
  /** Until it is sent. */
  payload: Uint8Array | undefined
  /** 0 until it is sent. */
  id: number
  outgoing: Outgoing | undefined
  /** The caller has given up; the slot is free when the peer's answer has come, which the peer sends at once. */
  cancelled: boolean
}

/** The asking side: which requests are open, and which wait for their turn. */
export class Requests {
  readonly #host: RequestsHost
  readonly #open = new Map<number, Pending>()
  #cancelledCount = 0
  #waiting = new LinkedQueue<Pending>()
  #lastId = 0

  constructor(host: RequestsHost) {
    this.#host = host
  }

  get openCount(): number {
    return this.#open.size
  }

  /** The next request will have to wait for its turn. */
  get full(): boolean {
    return this.#open.size >= REQUESTS_OPEN_MAX
  }

  /** No request is open or waits, but for cancelled ones. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#open.size === this.#cancelledCount
  }

  /**
   * Sends a request, at once or when a slot is free. Returns how to give up: it returns the id of the request
   * that the peer must cancel, if the peer may know of it.
   */
  begin(
    payload: Uint8Array,
    resolve: (payload: Buffer) => void,
    reject: (error: Error) => void,
  ): () => number | undefined {
    const pending: Pending = {
      resolve,
      reject,
      payload: undefined,
      id: 0,
      outgoing: undefined,
      cancelled: false,
      queue: undefined,
      previous: undefined,
      next: undefined,
    }
    if (this.full) {
      pending.payload = payload
      this.#waiting.push(pending)
    } else {
      this.#start(pending, payload)
    }
    return () => this.#giveUp(pending)
  }

  /** The peer's answer. An id that is not open is an answer that comes twice, or to nothing: the peer's fault, returned as false. */
  settle(id: number, payload: Buffer, failed: boolean): boolean {
    const pending = this.#open.get(id)
    if (pending === undefined) return false
    if (pending.cancelled) this.#cancelledCount -= 1
    this.#forget(id)
    if (pending.cancelled) return true
    if (failed) pending.reject(decodeRemoteError(payload))
    else pending.resolve(payload)
    return true
  }

  /** Rejects everything. */
  fail(error: Error): void {
    const open = [...this.#open.values()]
    const waiting = this.#waiting
    this.#open.clear()
    this.#cancelledCount = 0
    this.#waiting = new LinkedQueue()
    for (const pending of open) if (!pending.cancelled) pending.reject(error)
    for (let pending = waiting.shift(); pending !== undefined; pending = waiting.shift())
      pending.reject(error)
  }

  /** Frees the slot of a request that is answered, or that was taken back before the peer could see it. */
  #forget(id: number): void {
    this.#open.delete(id)
    const next = this.#waiting.shift()
    if (next?.payload === undefined) return
    const payload = next.payload
    next.payload = undefined
    this.#start(next, payload)
  }

  #start(pending: Pending, payload: Uint8Array): void {
    pending.id = this.#nextId()
    this.#open.set(pending.id, pending)
    pending.outgoing = this.#host.send(pending.id, payload)
  }

  #giveUp(pending: Pending): number | undefined {
    const { id, outgoing } = pending
    if (this.#waiting.remove(pending) || pending.cancelled || this.#open.get(id) !== pending) return undefined
    if (outgoing !== undefined && this.#host.withdraw(outgoing)) {
      this.#forget(id)
      return undefined
    }
    pending.cancelled = true
    this.#cancelledCount += 1
    return id
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#lastId === 0 || this.#open.has(this.#lastId))
    return this.#lastId
  }
}
