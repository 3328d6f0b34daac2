import { ErrorCode, ShmwireError } from '../errors.js'
import { nowMs } from '../host.js'
import type { Link } from '../link/link.js'
import { checkTimeout, wrongTime } from '../options.js'
import { runApart } from '../uncaught.js'
import type { CloseHandshake } from './close-handshake.js'
import type { Delivery } from './delivery.js'
import type { IncomingRequests } from './incoming-requests.js'
import type { OutgoingRequests } from './outgoing-requests.js'
import type { ReceiveQueue } from './receive-queue.js'
import type { Sender } from './sender.js'

/** A wait without a limit repeats waits of this length: a day. */
const WAIT_MS_MAX = 24 * 60 * 60 * 1000

const OVERFLOW_REMEDY = 'take them with receiveSync, or use the call that returns a promise'

export interface BlockingDependencies {
  readonly link: Pick<Link, 'transport' | 'resume' | 'waitSync' | 'assertMayWait'>
  readonly handshake: CloseHandshake
  readonly sender: Pick<Sender, 'hasClaim' | 'send' | 'waitingCount' | 'withdraw'>
  readonly outgoing: Pick<OutgoingRequests, 'begin'>
  readonly incoming: Pick<IncomingRequests<unknown>, 'runHeld'>
  readonly delivery: Pick<Delivery, 'pull' | 'endPull' | 'messagesEnded'>
}

type Outcome = { readonly value: unknown } | { readonly error: Error }

/**
 * The calls that block the thread with its event loop. Meanwhile the link delivers records: messages
 * are held for the next consumer, and handlers that need no event loop answer the peer's requests.
 */
export class BlockingCalls {
  readonly #dependencies: BlockingDependencies

  constructor(dependencies: BlockingDependencies) {
    this.#dependencies = dependencies
  }

  receive(timeoutMs: number | undefined): unknown {
    const { delivery, handshake } = this.#dependencies
    this.#assertPossible('receiveSync', timeoutMs)
    const queue = delivery.pull()
    try {
      const done = (): boolean => !queue.empty || !handshake.isOpen || delivery.messagesEnded
      if (!done()) this.#block('receiveSync', timeoutMs, queue, done)
      if (queue.empty) {
        handshake.assertOpen()
        throw new ShmwireError(ErrorCode.CLOSED, 'the peer has ended its messages; none follows')
      }
      return queue.shift()
    } finally {
      delivery.endPull()
    }
  }

  send(message: unknown, timeoutMs: number | undefined): void {
    const { sender } = this.#dependencies
    this.#assertPossible('sendSync', timeoutMs)
    this.#assertNoClaim('sendSync')
    let outcome: Outcome | undefined
    const outgoing = sender.send(message, (error) => {
      outcome = error === undefined ? { value: undefined } : { error }
    })
    if (outgoing === undefined) return
    const giveUp = (): unknown => sender.withdraw(outgoing)
    this.#waitFor('sendSync', timeoutMs, () => outcome !== undefined, giveUp)
    resultOf(outcome)
  }

  request(message: unknown, timeoutMs: number | undefined): unknown {
    this.#assertPossible('requestSync', timeoutMs)
    this.#assertNoClaim('requestSync')
    let outcome: Outcome | undefined
    const giveUp = this.#dependencies.outgoing.begin(
      message,
      (value) => {
        outcome = { value }
      },
      (error) => {
        outcome = { error }
      },
    )
    this.#waitFor('requestSync', timeoutMs, () => outcome !== undefined, giveUp)
    return resultOf(outcome)
  }

  /** Before anything is sent. */
  #assertPossible(what: string, timeoutMs: number | undefined): void {
    const { link } = this.#dependencies
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

  /** The blocked thread could never commit the claim, and records wait behind it. */
  #assertNoClaim(what: string): void {
    if (this.#dependencies.sender.hasClaim)
      throw wrongTime(`a claim is open; commit or abort it before ${what}`)
  }

  #waitFor(what: string, timeoutMs: number | undefined, done: () => boolean, giveUp: () => void): void {
    const { delivery } = this.#dependencies
    const queue = delivery.pull()
    try {
      this.#block(what, timeoutMs, queue, done)
    } catch (error) {
      giveUp()
      throw error
    } finally {
      delivery.endPull()
    }
  }

  /** An exception of a listener is not the outcome of the call: the message would seem unsent. */
  #block(what: string, timeoutMs: number | undefined, queue: ReceiveQueue, done: () => boolean): void {
    const { incoming, link, sender } = this.#dependencies
    link.resume()
    // The tick that runs them comes only after this call.
    incoming.runHeld()
    const endMs = timeoutMs === undefined ? undefined : nowMs() + timeoutMs
    while (!done()) {
      const leftMs = endMs === undefined ? WAIT_MS_MAX : endMs - nowMs()
      // The link polls once even with no time left.
      runApart(() => link.waitSync?.(sender.waitingCount > 0, Math.max(0, leftMs)))
      if (done()) return
      if (queue.overflows) throw queue.overflowError(`arrived while ${what} waited`, OVERFLOW_REMEDY)
      // Even if records arrive: the record that this call waits for may never come.
      if (endMs !== undefined && leftMs <= 0)
        throw new ShmwireError(ErrorCode.TIMEOUT, `${what} took longer than timeoutMs: ${timeoutMs}`)
    }
  }
}

function resultOf(outcome: Outcome | undefined): unknown {
  if (outcome === undefined) throw new Error('unreachable: the call waits for its outcome')
  if ('error' in outcome) throw outcome.error
  return outcome.value
}
