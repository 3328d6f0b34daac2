import { ErrorCode, ShmwireError } from '../errors.js'
import { type Link, RecordKind } from '../link/link.js'
import { invalid, misuse, show } from '../options.js'
import type { Outbox } from './outbox.js'

/**
 * Room for one message, to be filled in place. Until it is committed or aborted, all else that this side sends waits behind
 * it, its `close()` too. When the peer closes, the claim is worth nothing any more.
 */
export interface Claim {
  /**
   * Where the message goes, to be filled at once or in time: over shared memory this side's own ring, else ordinary memory. It holds whatever was there
   * before. Not to be touched after `commit` or `abort`: whoever still writes to it garbles later messages of this side, and
   * nothing else. The memory stays there for as long as somebody holds it, also when the channel is over.
   */
  readonly bytes: Uint8Array
  /** Sends the first `length` bytes, all by default. Throws `INVALID_ARGUMENT`, `CLOSED`, `PEER_GONE`. */
  commit(length?: number): void
  /** Sends nothing. Idempotent; after a commit it does nothing. */
  abort(): void
}

/** What claims need of their channel. */
export interface ClaimsHost {
  readonly link: Link
  readonly outbox: Outbox
  readonly maxMessageBytes: number
  /** The name of the codec. */
  readonly codec: string
  assertOpen(): void
  /** Throws unless what was begun before can still be sent. */
  assertNotOver(): void
  /** A message of so many bytes is on its way. */
  sent(bytes: number): void
  /** What had to wait may go on. */
  drain(): void
}

/** Hands out claims, one at a time. */
export class Claims {
  readonly #host: ClaimsHost

  constructor(host: ClaimsHost) {
    this.#host = host
  }

  /** Null: there is no room. */
  open(byteLength: number): Claim | null {
    const { link, outbox } = this.#host
    this.#assertPossible(byteLength)
    this.#host.assertOpen()
    if (outbox.held) throw misuse('a claim is already open; commit or abort it first')
    if (outbox.length > 0) return null
    const inPlace = byteLength <= (link.claimBytesMax ?? -1)
    // Zeroed: bytes that the program does not fill reach the peer, and must not be those of others.
    const bytes = inPlace ? link.claim?.(byteLength) : Buffer.alloc(byteLength)
    if (bytes === undefined) return null
    outbox.held = true
    return new OpenClaim(this.#host, bytes, inPlace)
  }

  /** Whoever holds the claim may go on writing: what follows a revoked claim has no payload, and so none of its bytes. */
  revoke(): void {
    const { link, outbox } = this.#host
    if (!outbox.held) return
    outbox.held = false
    link.abort?.()
  }

  #assertPossible(byteLength: number): void {
    const { codec, maxMessageBytes } = this.#host
    if (codec !== 'bytes')
      throw misuse(
        `claim needs codec 'bytes', and this channel has codec ${show(codec)}; use trySend or send`,
      )
    if (!Number.isInteger(byteLength) || byteLength < 0)
      throw invalid('byteLength', byteLength, 'a non-negative integer')
    if (byteLength <= maxMessageBytes) return
    const what = `a claim of ${byteLength} bytes is more than maxMessageBytes: ${maxMessageBytes}; raise it on both sides, or send parts`
    throw new ShmwireError(ErrorCode.MESSAGE_TOO_LARGE, what)
  }
}

class OpenClaim implements Claim {
  readonly bytes: Uint8Array
  readonly #host: ClaimsHost
  readonly #byteLength: number
  readonly #inPlace: boolean
  #open = true

  constructor(host: ClaimsHost, bytes: Uint8Array, inPlace: boolean) {
    this.#host = host
    this.bytes = bytes
    this.#byteLength = bytes.length
    this.#inPlace = inPlace
  }

  commit(length: number = this.#byteLength): void {
    if (!this.#open) throw misuse('the claim was committed or aborted before; call claim again for a new one')
    if (!Number.isInteger(length) || length < 0 || length > this.#byteLength)
      throw invalid('length', length, `an integer from 0 to ${this.#byteLength}, the length of the claim`)
    try {
      this.#host.assertNotOver()
      this.#assertBytesThere()
    } catch (error) {
      this.abort()
      throw error
    }
    const { link, outbox } = this.#host
    this.#open = false
    outbox.held = false
    // Before what has waited behind it.
    if (this.#inPlace) link.commit?.(RecordKind.MESSAGE, 0, length)
    else outbox.pushFirst(RecordKind.MESSAGE, 0, this.bytes.subarray(0, length))
    this.#host.sent(length)
    this.#host.drain()
  }

  /** In the ring they are, wherever the array that shows them went. */
  #assertBytesThere(): void {
    if (this.#inPlace || this.bytes.length === this.#byteLength) return
    throw misuse('the memory of the claim was transferred before the commit; fill a claim in place')
  }

  abort(): void {
    if (!this.#open) return
    this.#open = false
    const { link, outbox } = this.#host
    // It was revoked.
    if (!outbox.held) return
    outbox.held = false
    if (this.#inPlace) link.abort?.()
    this.#host.drain()
  }
}
