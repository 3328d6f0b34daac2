import { PENDING_BYTES_MAX } from './bounds.mjs'

/** What a receiver has taken is told in steps: enough to keep the sender going, few enough to cost nothing. */
const STEP_BYTES = PENDING_BYTES_MAX / 4

/** Back-pressure for carriers that have none of their own: the receiver says how much it has taken. */
export class CreditWindow {
  #pendingBytes = 0
  #takenBytes = 0
  #wantsRoom = false

  /** Before a message is sent. */
  tryTake(bytes) {
    if (this.#pendingBytes >= PENDING_BYTES_MAX) {
      this.#wantsRoom = true
      return false
    }
    this.#pendingBytes += bytes
    return true
  }

  /** After one was received: the bytes to report now, or 0. */
  received(bytes) {
    this.#takenBytes += bytes
    if (this.#takenBytes < STEP_BYTES) return 0
    const taken = this.#takenBytes
    this.#takenBytes = 0
    return taken
  }

  /** When the peer reports. Whether `onDrain` is due. */
  giveBack(bytes) {
    this.#pendingBytes -= bytes
    const due = this.#wantsRoom
    this.#wantsRoom = false
    return due
  }
}

/** A guess for values, whose bytes nobody knows here. */
export const VALUE_BYTES = 128

export function bytesOf(message) {
  return message.byteLength ?? VALUE_BYTES
}
