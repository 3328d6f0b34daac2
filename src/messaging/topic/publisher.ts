import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, setImmediate, setTimeout } from '../../host.js'
import { LinkedQueue, type QueueLinks } from '../../linked-queue.js'
import type { WaitOptions } from '../../options.js'
import type { RingWriter } from './ring.js'

/** Calls of `publish` that wait for room. */
const WAITING_MAX = 4096
const WAITING_BYTES_MAX = 64 * 1024 * 1024
/** Other processes can fill this part of both, so that the process of the topic always has the rest. */
const REMOTE_PART = 1 / 2

interface Waiting extends QueueLinks<Waiting> {
  readonly payload: Uint8Array
  readonly prefix: Uint8Array
  readonly keyBytes: number
  readonly settle: (error?: Error) => void
}

export interface PublisherOptions {
  readonly ring: RingWriter
  readonly blockTimeoutMs: number
  /** A copy of bytes that the next message overwrites. */
  readonly keep: (payload: Uint8Array) => Uint8Array
  /** After each message. */
  readonly onPublished: () => void
  /** The publisher has waited for this reader for `blockTimeoutMs`. It must detach it. */
  readonly onTooSlow: (reader: number) => void
}

/** Publishes the messages of a topic in the order of the calls. Only with blocking readers, calls wait for room. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #ring: RingWriter
  readonly #waiting = new LinkedQueue<Waiting>()
  #waitingBytes = 0
  /** Runs while the first call waits for room. */
  #timer: NodeJS.Timeout | undefined
  #retryScheduled = false
  #closed = false
  #onIdle: (() => void) | undefined
  /** Of the last message. */
  sequence = 0
  bytes = 0

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#ring = options.ring
  }

  /** False: there is no room now. Throws `MESSAGE_TOO_LARGE`, `CLOSED`. */
  tryPublish(payload: Uint8Array, prefix: Uint8Array, keyBytes: number): boolean {
    this.#check(payload, prefix)
    return this.#waiting.length === 0 && this.#write(payload, prefix, keyBytes)
  }

  /**
   * Returns undefined if the message is published, or a promise. The prefix must not change. `origin`: of the call. Throws or rejects with `MESSAGE_TOO_LARGE`,
   * `CLOSED`, `BACKLOG`, `TIMEOUT`, `ABORTED`.
   */
  publish(
    payload: Uint8Array,
    prefix: Uint8Array,
    keyBytes: number,
    bounds: () => WaitOptions | undefined,
    origin: 'own' | 'remote' = 'own',
  ): Promise<void> | undefined {
    if (this.tryPublish(payload, prefix, keyBytes)) return undefined
    const bytes = payload.length + prefix.length
    const part = origin === 'own' ? 1 : REMOTE_PART
    if (this.#waiting.length >= part * WAITING_MAX || this.#waitingBytes + bytes > part * WAITING_BYTES_MAX)
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `${this.#waiting.length} messages of ${this.#waitingBytes} bytes wait for subscribers already; await publish, or use tryPublish`,
      )
    const kept = this.#options.keep(payload)
    return waitWithin(bounds(), 'publish', (resolve, reject) => {
      const entry: Waiting = {
        payload: kept,
        prefix,
        keyBytes,
        settle: (error) => (error === undefined ? resolve() : reject(error)),
        queue: undefined,
        previous: undefined,
        next: undefined,
      }
      this.#waiting.push(entry)
      this.#waitingBytes += bytes
      if (this.#waiting.length === 1) this.#waitForRoom()
      return () => this.#withdraw(entry)
    })
  }

  /** A reader has made room, or has left. Publishes in a later turn, because this may run inside a read. */
  roomMade(): void {
    if (this.#retryScheduled || this.#waiting.length === 0) return
    this.#retryScheduled = true
    setImmediate(() => {
      this.#retryScheduled = false
      this.#retry()
    })
  }

  /** Accepts nothing new. Resolves when nothing waits. Rejects with `TIMEOUT`, `ABORTED`; then the waiting messages are not published. */
  async close(bounds: WaitOptions): Promise<void> {
    this.#closed = true
    try {
      await waitWithin<void>(bounds, 'the wait for slow subscribers', (resolve) => {
        if (this.#waiting.length === 0) resolve()
        else this.#onIdle = resolve
        return () => {}
      })
    } finally {
      this.#refuseWaiting()
    }
  }

  #check(payload: Uint8Array, prefix: Uint8Array): void {
    if (this.#closed) throw closedTopic()
    const bytes = payload.length + prefix.length
    const { messageBytesMax } = this.#ring
    if (bytes <= messageBytesMax) return
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the message is ${bytes} bytes with its key and headers, more than ${messageBytesMax}, an eighth of the topic's ringBytes; raise ringBytes`,
    )
  }

  #write(payload: Uint8Array, prefix: Uint8Array, keyBytes: number): boolean {
    const sequence = this.#ring.publish(payload, prefix, keyBytes)
    if (sequence === 0) return false
    this.sequence = sequence
    this.bytes += payload.length
    this.#options.onPublished()
    return true
  }

  #retry(): void {
    for (let first = this.#waiting.first; first !== undefined; first = this.#waiting.first) {
      if (!this.#write(first.payload, first.prefix, first.keyBytes)) break
      this.#withdraw(first)
      first.settle()
    }
    if (this.#waiting.length > 0) this.#waitForRoom()
  }

  #waitForRoom(): void {
    if (this.#ring.armForRoom()) this.roomMade()
    else this.#timer ??= setTimeout(() => this.#late(), this.#options.blockTimeoutMs)
  }

  /** The first call has waited for `blockTimeoutMs`. */
  #late(): void {
    const { first } = this.#waiting
    // If this thread was blocked, the subscribers first get a turn in which their reads arrive.
    setImmediate(() => {
      if (first === undefined || this.#waiting.first !== first) return
      this.#timer = undefined
      while (!this.#write(first.payload, first.prefix, first.keyBytes)) {
        const slowest = this.#ring.slowest()
        if (slowest < 0) return this.#waitForRoom()
        this.#options.onTooSlow(slowest)
      }
      this.#withdraw(first)
      first.settle()
    })
  }

  /** Another call is the first one now, and has the full time. */
  #withdraw(entry: Waiting): void {
    const wasFirst = this.#waiting.first === entry
    if (!this.#waiting.remove(entry)) return
    this.#waitingBytes -= entry.payload.length + entry.prefix.length
    if (wasFirst) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.roomMade()
    }
    if (this.#waiting.length === 0) this.#onIdle?.()
  }

  #refuseWaiting(): void {
    for (let first = this.#waiting.first; first !== undefined; first = this.#waiting.first) {
      this.#withdraw(first)
      first.settle(closedTopic())
    }
  }
}

export function closedTopic(): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the topic is closed')
}
