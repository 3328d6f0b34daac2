import type { EventEmitter } from 'node:events'
import type { Link } from '../link/link.js'
import { misuse } from '../options.js'
import { RecordKind } from '../wire/record-kind.js'
import { type Claim, type ClaimSender, checkClaim, OpenClaim } from './claims.js'
import type { CloseHandshake } from './close-handshake.js'
import { MessageCodec } from './message-codec.js'
import { NO_PAYLOAD, Outbox, type Outgoing, type Settle } from './outbox.js'
import type { ChannelDependencies, OpenWork } from './types.js'

type SenderOptions = Pick<ChannelDependencies, 'codec' | 'maxMessageBytes' | 'maxDecodedBytes'>

/** The sending side of a channel: encodes messages and passes records to the link, in order. */
export class Sender implements ClaimSender {
  /** Shared with the receiving side: the codec of a channel keeps state for both directions. */
  readonly codec: MessageCodec
  readonly maxMessageBytes: number
  readonly counters: Outbox['counters']
  readonly #codecName: string
  readonly #emitter: EventEmitter
  readonly #link: Link
  readonly #handshake: CloseHandshake
  readonly #outbox: Outbox
  #work: readonly OpenWork[] = []
  /** `trySend` or `claim` found no room. */
  #mustEmitDrain = false

  /** `emitter` gets the `drain` events. */
  constructor(emitter: EventEmitter, link: Link, handshake: CloseHandshake, options: SenderOptions) {
    this.#emitter = emitter
    this.#link = link
    this.#handshake = handshake
    this.#codecName = options.codec.name
    this.maxMessageBytes = options.maxMessageBytes
    const bounds = { messageBytesMax: options.maxMessageBytes, decodedBytesMax: options.maxDecodedBytes }
    this.codec = new MessageCodec(options.codec, bounds, (note) => this.#sendNote(note))
    this.#outbox = new Outbox(link, this.codec)
    this.counters = this.#outbox.counters
  }

  get waitingCount(): number {
    return this.#outbox.length
  }

  get hasClaim(): boolean {
    return this.#outbox.hasClaim
  }

  /** CLOSE follows this work; see `closeIfIdle`. */
  closeAfter(...work: readonly OpenWork[]): void {
    this.#work = work
  }

  /** The payload of a message that may be sent now. Throws unless the channel is open. */
  encode(message: unknown): Uint8Array {
    const payload = this.codec.encode(message)
    // Afterwards: accessors of the message run during the encoding, and may end the channel.
    this.#handshake.assertOpen()
    return payload
  }

  /** False: there is no room, and `drain` follows. */
  trySend(message: unknown): boolean {
    if (this.#outbox.tryPush(RecordKind.MESSAGE, 0, this.encode(message))) return true
    this.#mustEmitDrain = true
    return false
  }

  /** Sends a message in its turn. Returns it while it waits for room. */
  send(message: unknown, settle: Settle): Outgoing | undefined {
    return this.#outbox.push(RecordKind.MESSAGE, 0, this.encode(message), settle)
  }

  /** Sends a record in its turn. Returns it while it waits for room. */
  push(kind: number, id: number, payload: Uint8Array, settle?: Settle): Outgoing | undefined {
    return this.#outbox.push(kind, id, payload, settle)
  }

  /** Takes a record back that waits for room. False: the link has it, or has begun it. */
  withdraw(outgoing: Outgoing): boolean {
    return this.#outbox.withdraw(outgoing)
  }

  /** Cancels a request: this side does not need the answer any more. */
  cancel(id: number): void {
    if (!this.#handshake.closeSent) this.#outbox.push(RecordKind.CANCEL, id, NO_PAYLOAD)
  }

  /** Null: there is no room, and `drain` follows. */
  claim(byteLength: number): Claim | null {
    checkClaim(byteLength, this.#codecName, this.maxMessageBytes)
    this.#handshake.assertOpen()
    if (this.hasClaim) throw misuse('a claim is already open; commit or abort it first')
    const bytes = this.#outbox.claim(byteLength)
    if (bytes !== undefined) return new OpenClaim(this, bytes)
    this.#mustEmitDrain = true
    return null
  }

  commitClaim(length: number): void {
    try {
      this.#handshake.assertNotEnded()
      this.#outbox.commit(length)
    } catch (error) {
      this.abortClaim()
      throw error
    }
    this.#sendWaiting()
  }

  abortClaim(): void {
    if (!this.hasClaim) return
    this.#outbox.abort()
    this.#sendWaiting()
  }

  /** The link has room again. */
  drain(): void {
    if (!this.#outbox.pump() || !this.#mustEmitDrain || !this.#handshake.isOpen) return
    this.#mustEmitDrain = false
    this.#emitter.emit('drain')
  }

  /** This side closes: CLOSE follows what was sent, and the open requests of both sides. */
  close(onEnd: (error: Error | undefined) => void): void {
    if (!this.#handshake.localClose(onEnd)) return
    // The peer's CLOSE may come after messages that no consumer takes.
    this.#link.resume()
    this.closeIfIdle()
  }

  /** Sends CLOSE, the last record, if this side closes and the peer or the open requests allow it. */
  closeIfIdle(): void {
    const handshake = this.#handshake
    if (!handshake.mustSendClose) return
    if (!handshake.closeReceived && !this.#work.every(({ idle }) => idle)) return
    handshake.idle()
    this.#outbox.push(RecordKind.CLOSE, 0, NO_PAYLOAD, (error) => {
      if (error !== undefined) return
      handshake.closeTaken()
      this.#endIfComplete()
    })
  }

  /** The peer has closed and needs nothing more: only a record that the link has begun is sent whole. */
  peerClosed(error: Error): void {
    this.#endIfComplete()
    this.#outbox.abort()
    if (this.#handshake.closeSent) this.#outbox.pump()
    else this.#outbox.fail(error, true)
    this.closeIfIdle()
  }

  /** The channel has ended: nothing is sent any more. */
  fail(error: Error): void {
    this.#outbox.abort()
    this.#outbox.fail(error, false)
  }

  #endIfComplete(): void {
    if (this.#handshake.isComplete) this.#link.end()
  }

  /** A claim has left its place: the records after it follow. */
  #sendWaiting(): void {
    this.#outbox.pump()
    // Later, like every `drain`: this runs inside a call of the user.
    if (this.#mustEmitDrain) process.nextTick(() => this.drain())
  }

  /** A note of the codec, sent during the encoding of a message, precedes it and cannot be withdrawn. */
  #sendNote(note: Uint8Array): boolean {
    const { closeSent, closeReceived, hasEnded } = this.#handshake
    if (closeSent || closeReceived || hasEnded) return false
    this.#outbox.push(RecordKind.CODEC, 0, Buffer.from(note))
    return true
  }
}
