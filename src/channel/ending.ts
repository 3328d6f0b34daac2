import { ErrorCode, ShmwireError } from '../errors.js'
import { type Link, RecordKind } from '../link/link.js'
import { textOfThrown } from '../uncaught.js'
import type { Answers } from './answers.js'
import { NO_PAYLOAD, type Outbox } from './outbox.js'
import type { Requests } from './requests.js'

/** What ends with the channel. */
export interface EndingHost {
  readonly link: Link
  readonly outbox: Outbox
  readonly requests: Requests
  readonly answers: Answers
  /** An open claim is worth nothing any more, and keeps nothing waiting. */
  revokeClaim(): void
  /** Nothing more comes. What was held can still be taken. When listeners have had it, `settle` runs and the events follow. */
  over(error: Error | undefined, settle: () => void): void
}

/**
 * How a channel ends. Open, then closing from the first `close()` of either side on, then closed. Each side sends CLOSE as its last
 * record once it owes and awaits nothing, and reads on until it has the other's.
 */
export class Ending {
  readonly #host: EndingHost
  #state: 'open' | 'closing' | 'closed' = 'open'
  /** CLOSE is in the outbox or beyond: nothing may be sent behind it. */
  #sent = false
  /** The link has our CLOSE. */
  #taken = false
  #received = false
  #error: Error | undefined
  #waiting: ((error: Error | undefined) => void)[] = []

  constructor(host: EndingHost) {
    this.#host = host
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isOver(): boolean {
    return this.#state === 'closed'
  }

  /** Nothing may be sent any more. */
  get sent(): boolean {
    return this.#sent
  }

  /** Nothing may come any more. */
  get received(): boolean {
    return this.#received
  }

  /** Throws how the channel ended, or that it is closing. */
  assertOpen(): void {
    if (this.#state === 'open') return
    const error = this.#error
    if (error === undefined)
      throw new ShmwireError(ErrorCode.CLOSED, 'the channel is closed; connect again to send')
    const code = error instanceof ShmwireError ? error.code : ErrorCode.CLOSED
    throw new ShmwireError(code, `the channel has ended: ${textOfThrown(error)}`, { cause: error })
  }

  /** The same for what was begun before `close()`, which waits for it. */
  assertNotOver(): void {
    if (this.#state === 'closed' || this.#received) this.assertOpen()
  }

  /** Closes in order, unless that is under way; `settle` runs when both sides are done. */
  begin(settle: (error: Error | undefined) => void): void {
    if (this.#state === 'closed') {
      settle(undefined)
      return
    }
    this.#waiting.push(settle)
    if (this.#state === 'closing') return
    this.#state = 'closing'
    this.#host.link.resume()
    this.whenIdle()
  }

  /** Once this side wants to close and owes and awaits nothing, it says so: CLOSE is its last record. */
  whenIdle(): void {
    const { outbox, requests, answers } = this.#host
    if (this.#state !== 'closing' || this.#sent) return
    if (!this.#received && (!requests.idle || answers.runningCount > 0)) return
    this.#sent = true
    outbox.push(RecordKind.CLOSE, 0, NO_PAYLOAD, (error) => {
      if (error === undefined) this.#endWhenBothClosed('sent')
    })
  }

  /** The peer reads on until it has our CLOSE, but wants nothing more: what has not begun to travel is not sent. */
  peerCloses(): void {
    const { outbox, requests, answers } = this.#host
    this.#received = true
    this.#state = 'closing'
    const error = new ShmwireError(ErrorCode.CLOSED, 'the peer closed the channel')
    requests.fail(error)
    answers.fail(error)
    this.#host.revokeClaim()
    if (!this.#sent) outbox.fail(error, true)
    else outbox.pump()
    this.whenIdle()
    this.#endWhenBothClosed('received')
  }

  /** The channel is over: in order, or with what ended it; who waits for a close is told `told`. */
  finish(error: Error | undefined, told: Error | undefined = error): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#error = error
    const { outbox, requests, answers } = this.#host
    const reason = error ?? new ShmwireError(ErrorCode.CLOSED, 'the channel was closed')
    this.#host.revokeClaim()
    requests.fail(reason)
    outbox.fail(reason, false)
    answers.fail(reason)
    const waiting = this.#waiting
    this.#waiting = []
    this.#host.over(error, () => {
      for (const settle of waiting) settle(told)
    })
  }

  #endWhenBothClosed(what: 'sent' | 'received'): void {
    if (what === 'sent') this.#taken = true
    if (this.#taken && this.#received) this.#host.link.end()
  }
}
