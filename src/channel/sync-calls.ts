import { ErrorCode, ShmwireError } from '../errors.js'
import { type Link, RecordKind } from '../link/link.js'
import { checkTimeout, misuse } from '../options.js'
import { runApart } from '../uncaught.js'
import type { Delivery } from './delivery.js'
import { BACKLOG_BYTES_MAX, BACKLOG_MESSAGES_MAX, type Inbox } from './inbox.js'
import type { MessageCodec } from './message-codec.js'
import type { Outbox } from './outbox.js'
import type { Requests } from './requests.js'

/** A wait without a bound is one of this length, again and again: a day. */
const WAIT_MS_MAX = 24 * 60 * 60 * 1000

/** What the blocking calls need of their channel. */
export interface SyncHost {
  readonly link: Link
  readonly codec: MessageCodec
  readonly outbox: Outbox
  readonly requests: Requests
  readonly delivery: Delivery
  isOpen(): boolean
  /** Throws unless the channel is open. */
  assertOpen(): void
  /** Tells the peer that nobody waits for the answer any more. */
  cancel(id: number | undefined): void
}

type Outcome<T> = { readonly value: T } | { readonly error: Error }

/**
 * The calls that block the thread, and with it its event loop. Meanwhile the link delivers what comes: messages are
 * held for whoever takes them later, and the peer's requests are answered, as far as their handlers need no event loop.
 */
export class SyncCalls {
  readonly #host: SyncHost
  /** Calls under way, one inside the other. */
  #running = 0

  constructor(host: SyncHost) {
    this.#host = host
  }

  /** While a call waits, the link must not be paused: the answer may be behind the messages. */
  get running(): boolean {
    return this.#running > 0
  }

  receive(timeoutMs: number | undefined): unknown {
    const { delivery } = this.#host
    this.#assertPossible('receiveSync', timeoutMs)
    const inbox = delivery.pull()
    try {
      if (inbox.empty)
        this.#block('receiveSync', timeoutMs, inbox, () => !inbox.empty || !this.#host.isOpen())
      if (inbox.empty) this.#host.assertOpen()
      return inbox.shift()
    } finally {
      delivery.endPull()
    }
  }

  /** Returns how many bytes the message has. */
  send(message: unknown, timeoutMs: number | undefined): number {
    const { codec, outbox, delivery } = this.#host
    this.#assertPossible('sendSync', timeoutMs)
    this.#assertNoClaim('sendSync')
    const payload = codec.encode(message)
    this.#host.assertOpen()
    const outgoing = outbox.push(RecordKind.MESSAGE, 0, payload)
    if (outgoing === undefined) return payload.length
    let outcome: Outcome<number> | undefined
    outgoing.settle = (error) => {
      outcome = error === undefined ? { value: payload.length } : { error }
    }
    const inbox = delivery.pull()
    try {
      this.#block('sendSync', timeoutMs, inbox, () => outcome !== undefined)
    } catch (error) {
      outbox.withdraw(outgoing)
      throw error
    } finally {
      delivery.endPull()
    }
    return resultOf(outcome)
  }

  request(message: unknown, timeoutMs: number | undefined): unknown {
    const { codec, requests, delivery } = this.#host
    this.#assertPossible('requestSync', timeoutMs)
    this.#assertNoClaim('requestSync')
    const encoded = codec.encode(message)
    this.#host.assertOpen()
    const payload = requests.full ? codec.keep(encoded) : encoded
    let outcome: Outcome<Buffer> | undefined
    const giveUp = requests.begin(
      payload,
      (value) => {
        outcome = { value }
      },
      (error) => {
        outcome = { error }
      },
    )
    const inbox = delivery.pull()
    try {
      this.#block('requestSync', timeoutMs, inbox, () => outcome !== undefined)
    } catch (error) {
      this.#host.cancel(giveUp())
      throw error
    } finally {
      delivery.endPull()
    }
    return codec.decode(resultOf(outcome))
  }

  /** Before anything is sent. */
  #assertPossible(what: string, timeoutMs: number | undefined): void {
    const { link } = this.#host
    checkTimeout(timeoutMs)
    if (link.waitSync !== undefined) {
      link.assertMayWait?.()
      return
    }
    throw new ShmwireError(
      ErrorCode.UNAVAILABLE,
      `${what} needs transport 'shm', and this channel has '${link.transport}'; use the call that returns a promise`,
    )
  }

  /** What waits behind a claim would wait for ever: who could commit it is blocked. */
  #assertNoClaim(what: string): void {
    if (this.#host.outbox.held) throw misuse(`a claim is open; commit or abort it before ${what}`)
  }

  /** What listeners throw meanwhile is no outcome of the call: it would look as if nothing had been sent. */
  #block(what: string, timeoutMs: number | undefined, inbox: Inbox, done: () => boolean): void {
    const { link, outbox, delivery } = this.#host
    this.#running += 1
    try {
      runApart(() => delivery.catchUp())
      link.resume()
      const endMs = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
      while (!done()) {
        const leftMs = endMs === undefined ? WAIT_MS_MAX : endMs - performance.now()
        // The link has one look even when no time is left, or none was given.
        runApart(() => link.waitSync?.(outbox.length > 0, Math.max(0, leftMs)))
        if (done()) return
        assertBounded(what, inbox)
        // Moving is no reason to go on: what moves may never be what is waited for.
        if (endMs !== undefined && leftMs <= 0) {
          throw new ShmwireError(ErrorCode.TIMEOUT, `${what} took longer than timeoutMs: ${timeoutMs}`)
        }
      }
    } finally {
      this.#running -= 1
    }
  }
}

function assertBounded(what: string, { messages, bytes, overflows }: Inbox): void {
  if (!overflows) return
  throw new ShmwireError(
    ErrorCode.BACKLOG,
    `${messages} messages in ${bytes} bytes of memory arrived while ${what} waited, more than ${BACKLOG_MESSAGES_MAX} messages or ` +
      `${BACKLOG_BYTES_MAX} bytes; take them with receiveSync, or use the call that returns a promise`,
  )
}

function resultOf<T>(outcome: Outcome<T> | undefined): T {
  if (outcome === undefined) throw new Error('unreachable: #block waits for the outcome')
  if ('error' in outcome) throw outcome.error
  return outcome.value
}
