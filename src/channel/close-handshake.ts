import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

/** Called when the channel has ended, with the error that a `close()` rejects with, if any. */
export type OnEnd = (error: Error | undefined) => void

/**
 * The states of a channel: open, then closing from the first `close()` of either side, then closed.
 * Each side sends CLOSE as its last record once it is idle, and reads until it has the peer's CLOSE.
 * The handshake only keeps the state: its callers send the records and end the link.
 */
export class CloseHandshake {
  #state: 'open' | 'closing' | 'closed' = 'open'
  #sent = false
  #taken = false
  #received = false
  #error: Error | undefined
  #waiting: OnEnd[] = []

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get hasEnded(): boolean {
    return this.#state === 'closed'
  }

  /** CLOSE is in the outbox or with the link: no record may follow it. */
  get closeSent(): boolean {
    return this.#sent
  }

  /** The peer's CLOSE has arrived: no record may follow it. */
  get closeReceived(): boolean {
    return this.#received
  }

  /** This side must send its CLOSE as soon as it is idle. */
  get mustSendClose(): boolean {
    return this.#state === 'closing' && !this.#sent
  }

  /** The link has taken our CLOSE, and the peer's has arrived. */
  get isComplete(): boolean {
    return this.#taken && this.#received
  }

  /** Throws the error that ended the channel, or `CLOSED` while it closes. */
  assertOpen(): void {
    if (this.#state === 'open') return
    const error = this.#error
    if (error === undefined)
      throw new ShmwireError(ErrorCode.CLOSED, 'the channel is closed; connect again to send')
    const code = error instanceof ShmwireError ? error.code : ErrorCode.CLOSED
    throw new ShmwireError(code, `the channel has ended: ${textOfThrown(error)}`, { cause: error })
  }

  /** As `assertOpen`, for work that began before `close()`, which waits for it. */
  assertNotEnded(): void {
    if (this.#state === 'closed' || this.#received) this.assertOpen()
  }

  /** This side closes; `onEnd` runs at the end. True: this call began the close. */
  localClose(onEnd: OnEnd): boolean {
    if (this.#state === 'closed') {
      onEnd(undefined)
      return false
    }
    this.#waiting.push(onEnd)
    if (this.#state === 'closing') return false
    this.#state = 'closing'
    return true
  }

  /** The peer's CLOSE has arrived. It reads on until it has ours, and needs nothing else. */
  peerClose(): void {
    this.#received = true
    this.#state = 'closing'
  }

  /** This side is idle, or the peer needs nothing more: the caller sends CLOSE. */
  idle(): void {
    this.#sent = true
  }

  closeTaken(): void {
    this.#taken = true
  }

  /** The channel has ended. Returns the callbacks of `localClose`; undefined if it had ended before. */
  finish(error: Error | undefined): OnEnd[] | undefined {
    if (this.#state === 'closed') return undefined
    this.#state = 'closed'
    this.#error = error
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}
