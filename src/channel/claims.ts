import { ErrorCode, ShmwireError } from '../errors.js'
import { invalid, misuse, show, wrongTime } from '../options.js'

/**
 * Room for one message, to be filled in place. Until `commit` or `abort`, everything else that this
 * side sends waits behind it, `close()` included. When the peer closes, the claim is revoked.
 */
export interface Claim {
  /**
   * The room: in this side's ring over shared memory, else in ordinary memory. It holds arbitrary
   * bytes. Do not use it after `commit` or `abort`: a write would change later messages of this side,
   * and nothing else. The memory stays valid while it is referenced, even after the channel has ended.
   */
  readonly bytes: Uint8Array
  /** Sends the first `length` bytes; default: all. Throws `INVALID_ARGUMENT`, `INVALID_STATE`, `CLOSED`, `PEER_GONE`. */
  commit(length?: number): void
  /** Sends nothing, and releases the room. Does nothing after `commit` or `abort`. */
  abort(): void
}

export interface ClaimSender {
  /** Sends the first `length` bytes of the open claim. If it throws, the claim is aborted. */
  commitClaim(length: number): void
  /** Does nothing if the claim was revoked. */
  abortClaim(): void
}

/** A claim until its `commit` or `abort`. */
export class OpenClaim implements Claim {
  readonly bytes: Uint8Array
  readonly #sender: ClaimSender
  readonly #byteLength: number
  #isOpen = true

  constructor(sender: ClaimSender, bytes: Uint8Array) {
    this.#sender = sender
    this.bytes = bytes
    this.#byteLength = bytes.length
  }

  commit(length: number = this.#byteLength): void {
    if (!this.#isOpen)
      throw wrongTime('the claim was committed or aborted before; call claim again for a new one')
    if (!Number.isInteger(length) || length < 0 || length > this.#byteLength)
      throw invalid('length', length, `an integer from 0 to ${this.#byteLength}, the length of the claim`)
    this.#isOpen = false
    this.#sender.commitClaim(length)
  }

  abort(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#sender.abortClaim()
  }
}

/** Throws unless a channel with this codec and limit can have a claim of `byteLength`. */
export function checkClaim(byteLength: number, codecName: string, maxMessageBytes: number): void {
  if (codecName !== 'bytes')
    throw misuse(
      `claim needs codec 'bytes', and this channel has codec ${show(codecName)}; use trySend or send`,
    )
  if (!Number.isInteger(byteLength) || byteLength < 0)
    throw invalid('byteLength', byteLength, 'a non-negative integer')
  if (byteLength <= maxMessageBytes) return
  const what = `a claim of ${byteLength} bytes is more than maxMessageBytes: ${maxMessageBytes}; raise it on both sides, or send parts`
  throw new ShmwireError(ErrorCode.MESSAGE_TOO_LARGE, what)
}
