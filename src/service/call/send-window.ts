/**
 * The bound of one stream in each direction: messages that were sent and that the receiver's program has not taken yet. At either limit the
 * sender stops, so a stream without a reader uses this much memory, and stops no other stream.
 */
export const WINDOW_MESSAGES = 64
export const WINDOW_BYTES = 256 * 1024

/** The sender's side of the bound: what the receiver has not taken yet. One message may exceed the bytes. */
export class SendWindow {
  #messages = 0
  #bytes = 0
  #wake: (() => void) | undefined

  get isOpen(): boolean {
    return this.#messages < WINDOW_MESSAGES && this.#bytes < WINDOW_BYTES
  }

  sent(bytes: number): void {
    this.#messages += 1
    this.#bytes += bytes
  }

  /** The receiver has taken messages. False: more than were sent, which is the fault of the peer. */
  credit(messages: number, bytes: number): boolean {
    if (messages > this.#messages || bytes > this.#bytes) return false
    this.#messages -= messages
    this.#bytes -= bytes
    if (this.isOpen) this.wake()
    return true
  }

  /** Resolves when the window may be open, or the sender has stopped. One wait at a time. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}

/** Sends credit. `granted` runs when the link has the record. */
export type Grant = (messages: number, bytes: number, granted: () => void) => void

/** The receiver's side: grants credit for the messages that the program has taken, many at a time. */
export class ReceiveWindow {
  readonly #grant: Grant
  /** Received and not yet granted. */
  #messages = 0
  #bytes = 0
  /** Of these, taken by the program. */
  #takenMessages = 0
  #takenBytes = 0
  /** A credit waits for room. No other one joins it, so a sender that reads none makes this side hold one record, and finds its window closed. */
  #granting = false

  constructor(grant: Grant) {
    this.#grant = grant
  }

  /** False: the sender ignores the window, which is the fault of the peer. */
  received(bytes: number): boolean {
    if (this.#messages >= WINDOW_MESSAGES || this.#bytes >= WINDOW_BYTES) return false
    this.#messages += 1
    this.#bytes += bytes
    return true
  }

  taken(bytes: number): void {
    this.#takenMessages += 1
    this.#takenBytes += bytes
    this.#grantTaken()
  }

  #grantTaken(): void {
    if (this.#granting) return
    if (this.#takenMessages < WINDOW_MESSAGES / 2 && this.#takenBytes < WINDOW_BYTES / 2) return
    const messages = this.#takenMessages
    const grantedBytes = this.#takenBytes
    this.#messages -= messages
    this.#bytes -= grantedBytes
    this.#takenMessages = 0
    this.#takenBytes = 0
    this.#granting = true
    this.#grant(messages, grantedBytes, this.#granted)
  }

  readonly #granted = (): void => {
    this.#granting = false
    this.#grantTaken()
  }
}
