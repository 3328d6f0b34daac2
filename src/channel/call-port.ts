import { ErrorCode, type Executed, ShmwireError } from '../errors.js'
import { CALLS_OPEN_MAX, ErrorForm, encodeFailure } from '../wire/call-records.js'
import { RecordKind } from '../wire/record-kind.js'
import type { MessageCodec } from './message-codec.js'
import type { Outgoing, Settle } from './outbox.js'
import type { Sender } from './sender.js'
import type { OpenWork } from './types.js'
import type { WaitingBytes } from './waiting-bytes.js'

/** Handles the records of the calls of one channel. */
export interface CallRecordHandler extends OpenWork {
  /** Returns the fault of the peer, if there is one. With `closing`, the record begins nothing new. */
  record(kind: number, id: number, payload: Buffer, closing: boolean): string | undefined
  /** The channel has ended, or the peer has closed it. `executed` is of the calls that were sent. */
  fail(error: Error, executed: Executed): void
  /** The code of a handler is on the stack: until its first `await`. */
  readonly calling: boolean
}

const UNSERVED = Buffer.from(
  JSON.stringify({
    code: ErrorCode.NO_HANDLER,
    message: 'nothing is served on this channel',
    executed: 'no' satisfies Executed,
  }),
)

/**
 * The part of a channel that carries calls of services (src/service). The channel itself knows nothing about them: without a service or
 * a client, it refuses the calls of the peer.
 */
export class CallPort implements OpenWork {
  readonly maxMessageBytes: number
  /** Of the messages that wait to be sent. */
  readonly waitingBytes: WaitingBytes
  readonly #sender: Sender
  readonly #codec: Pick<MessageCodec, 'decode' | 'encode'>
  readonly #peerHasCalls: boolean
  #handler: CallRecordHandler | undefined
  /** Refused calls whose answer the link does not have yet. */
  #refusing = 0

  constructor(sender: Sender, peerHasCalls = true) {
    this.#peerHasCalls = peerHasCalls
    this.#sender = sender
    this.#codec = sender.codec
    this.maxMessageBytes = sender.maxMessageBytes
    this.waitingBytes = sender.waitingBytes
  }

  get handler(): CallRecordHandler | undefined {
    return this.#handler
  }

  /** Set once, by the service layer. */
  set handler(handler: CallRecordHandler) {
    this.#handler = handler
  }

  get idle(): boolean {
    return this.#handler?.idle ?? true
  }

  get calling(): boolean {
    return this.#handler?.calling ?? false
  }

  record(kind: number, id: number, payload: Buffer, closing: boolean): string | undefined {
    if (this.#handler !== undefined) return this.#handler.record(kind, id, payload, closing)
    if (kind === RecordKind.CALL) return this.#refuse(id)
    // The caller may have sent more before it reads the refusal.
    return kind === RecordKind.ANSWER ? 'an answer to a call that is not open' : undefined
  }

  fail(error: Error, executed: Executed): void {
    this.#handler?.fail(error, executed)
  }

  /** Throws `CLOSED`, `PEER_GONE`, `INVALID_STATE`, `VERSION` unless a call may begin now. */
  assertOpen(): void {
    this.#sender.assertMayCall()
    if (this.#peerHasCalls) return
    throw new ShmwireError(
      ErrorCode.VERSION,
      'the peer has a version of shmwire without calls of services; install the same version on both sides',
    )
  }

  /** Throws `CODEC`, `MESSAGE_TOO_LARGE`. The bytes are valid until the next call. */
  encode(message: unknown): Uint8Array {
    return this.#codec.encode(message)
  }

  /** Throws `CODEC`. */
  decode(bytes: Buffer): unknown {
    return this.#codec.decode(bytes)
  }

  /** Throws `MESSAGE_TOO_LARGE`: the parts of a record beside its message count for the bound, too. */
  assertLength({ length }: Uint8Array): void {
    if (length <= this.maxMessageBytes) return
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the message is ${length} bytes with the metadata of its call, more than maxMessageBytes: ${this.maxMessageBytes}; ` +
        'raise it on both sides, or send parts',
    )
  }

  /** Sends a record in its turn. Returns it while it waits for room. */
  push(kind: number, id: number, payload: Uint8Array, settle?: Settle): Outgoing | undefined {
    return this.#sender.pushOpen(kind, id, payload, settle)
  }

  /** Takes a record back that waits for room. False: the link has it, or has begun it. */
  withdraw(outgoing: Outgoing): boolean {
    return this.#sender.withdraw(outgoing)
  }

  closeIfIdle(): void {
    this.#sender.closeIfIdle()
  }

  /** A peer that reads no refusals must not make this side hold more. */
  #refuse(id: number): string | undefined {
    if (id === 0) return 'a call without an id'
    if (this.#refusing >= CALLS_OPEN_MAX) return `more than ${CALLS_OPEN_MAX} open calls`
    this.#refusing += 1
    this.push(RecordKind.ANSWER, id, encodeFailure(ErrorForm.LAYER, UNSERVED, this.maxMessageBytes), () => {
      this.#refusing -= 1
    })
    return undefined
  }
}
