import { PENDING_BYTES_MAX } from './bounds.mjs'

/** A receiver reports taken bytes in steps: often enough for the sender, seldom enough to cost nothing. */
const STEP_BYTES = PENDING_BYTES_MAX / 4

/** Back-pressure for carriers that have none of their own: the receiver reports how much it has taken. */
export class CreditWindow {
  #pendingBytes = 0
  #takenBytes = 0
  #wantsRoom = false

  /** Call it before a message is sent. */
  tryTake(bytes) {
    if (this.#pendingBytes >= PENDING_BYTES_MAX) {
      this.#wantsRoom = true
      return false
    }
    this.#pendingBytes += bytes
    return true
  }

  /** Call it after a message was received. Returns the bytes to report now, or 0. */
  received(bytes) {
    this.#takenBytes += bytes
    if (this.#takenBytes < STEP_BYTES) return 0
    const taken = this.#takenBytes
    this.#takenBytes = 0
    return taken
  }

  /** Call it when the peer reports. Returns whether `onDrain` is due. */
  giveBack(bytes) {
    this.#pendingBytes -= bytes
    const due = this.#wantsRoom
    this.#wantsRoom = false
    return due
  }
}

/** An estimate for values, whose bytes are unknown here. */
export const VALUE_BYTES = 128

export function bytesOf(message) {
  return message.byteLength ?? VALUE_BYTES
}
