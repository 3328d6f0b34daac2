import type { ShmwireError } from '../errors.js'
import { LinkedQueue, type QueueLinks } from '../linked-queue.js'
import { RecordKind } from '../wire/record-kind.js'
import type { MessageCodec } from './message-codec.js'
import type { Outgoing } from './outbox.js'
import { decodeRemoteError } from './remote-error.js'
import type { Sender } from './sender.js'
import type { OpenWork } from './types.js'

/**
 * Requests that one side may have open at once: a constant of the protocol (docs/protocol.md). Further
 * ones wait on the asking side. So the memory of the answering side is bounded, and it never has to
 * stop reading, which could leave two full sides waiting for each other.
 */
export const REQUESTS_OPEN_MAX = 4096

type RequestSender = Pick<Sender, 'encode' | 'push' | 'withdraw' | 'cancel' | 'closeIfIdle' | 'waitingBytes'>

interface Pending extends QueueLinks<Pending> {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
  /** Until it is sent. */
  payload: Uint8Array | undefined
  /** 0 until it is sent. */
  id: number
  outgoing: Outgoing | undefined
  /** The caller has given up. The slot is free when the peer's answer, sent at once, has arrived. */
  cancelled: boolean
}

/** The requests of this side: which are open, and which wait for a slot. */
export class OutgoingRequests implements OpenWork {
  readonly #sender: RequestSender
  readonly #codec: Pick<MessageCodec, 'keep' | 'decode'>
  readonly #open = new Map<number, Pending>()
  #cancelledCount = 0
  #waiting = new LinkedQueue<Pending>()
  #lastId = 0

  constructor(sender: RequestSender, codec: Pick<MessageCodec, 'keep' | 'decode'>) {
    this.#sender = sender
    this.#codec = codec
  }

  get openCount(): number {
    return this.#open.size
  }

  /** No request is open or waits, except cancelled ones. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#open.size === this.#cancelledCount
  }

  /** Sends a request, now or when a slot is free. Returns a function that gives it up. */
  begin(message: unknown, resolve: Pending['resolve'], reject: Pending['reject']): () => void {
    const payload = this.#sender.encode(message)
    this.#sender.waitingBytes.assertRoom(payload)
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
    if (this.#open.size >= REQUESTS_OPEN_MAX) {
      pending.payload = this.#codec.keep(payload)
      this.#sender.waitingBytes.add(RecordKind.REQUEST, payload)
      this.#waiting.push(pending)
    } else {
      this.#start(pending, payload)
    }
    return () => this.#giveUp(pending)
  }

  /** The peer's answer. False: no request of that id is open, which is the fault of the peer. */
  settle(id: number, payload: Buffer, failed: boolean): boolean {
    const pending = this.#open.get(id)
    if (pending === undefined) return false
    if (pending.cancelled) this.#cancelledCount -= 1
    this.#release(id)
    if (pending.cancelled) return true
    if (failed) pending.reject(decodeRemoteError(payload))
    else this.#resolve(pending, payload)
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
    for (let pending = waiting.shift(); pending !== undefined; pending = waiting.shift()) {
      this.#takePayload(pending)
      pending.reject(error)
    }
  }

  #resolve(pending: Pending, payload: Buffer): void {
    try {
      pending.resolve(this.#codec.decode(payload))
    } catch (error) {
      pending.reject(error as ShmwireError)
    }
  }

  /** Frees the slot of a request that is answered, or was withdrawn before the peer could see it. */
  #release(id: number): void {
    this.#open.delete(id)
    const next = this.#waiting.shift()
    if (next !== undefined) this.#start(next, this.#takePayload(next))
  }

  /** The request waits no more. */
  #takePayload(pending: Pending): Uint8Array {
    const payload = pending.payload as Uint8Array
    pending.payload = undefined
    this.#sender.waitingBytes.remove(RecordKind.REQUEST, payload)
    return payload
  }

  #start(pending: Pending, payload: Uint8Array): void {
    pending.id = this.#nextId()
    this.#open.set(pending.id, pending)
    pending.outgoing = this.#sender.push(RecordKind.REQUEST, pending.id, payload)
  }

  #giveUp(pending: Pending): void {
    const { id, outgoing } = pending
    if (this.#waiting.remove(pending)) this.#takePayload(pending)
    else if (!pending.cancelled && this.#open.get(id) === pending) {
      if (outgoing !== undefined && this.#sender.withdraw(outgoing)) this.#release(id)
      else {
        pending.cancelled = true
        this.#cancelledCount += 1
        this.#sender.cancel(id)
      }
    }
    this.#sender.closeIfIdle()
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#lastId === 0 || this.#open.has(this.#lastId))
    return this.#lastId
  }
}
