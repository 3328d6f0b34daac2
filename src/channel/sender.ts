import type { EventEmitter } from 'node:events'
import { ErrorCode, ShmwireError } from '../errors.js'
import { nextTick } from '../host.js'
import type { Link } from '../link/link.js'
import { channelSend } from '../observe/diagnostics-channels.js'
import { wrongTime } from '../options.js'
import { RecordKind } from '../wire/record-kind.js'
import { type Claim, type ClaimSender, checkClaim, OpenClaim } from './claims.js'
import type { CloseHandshake } from './close-handshake.js'
import { MessageCodec } from './message-codec.js'
import { NO_PAYLOAD, Outbox, type Outgoing, type Settle } from './outbox.js'
import type { ChannelDependencies, OpenWork } from './types.js'
import { WaitingBytes } from './waiting-bytes.js'

type SenderOptions = Pick<
  ChannelDependencies,
  'codec' | 'maxMessageBytes' | 'maxDecodedBytes' | 'maxOutboxBytes'
>

/** The sending side of a channel: encodes messages and passes records to the link, in order. */
export class Sender implements ClaimSender {
  /** Shared with the receiving side: the codec of a channel keeps state for both directions. */
  readonly codec: MessageCodec
  readonly maxMessageBytes: number
  readonly counters: Outbox['counters']
  readonly waitingBytes: WaitingBytes
  readonly #codecName: string
  readonly #emitter: EventEmitter
  readonly #link: Link
  readonly #direction: Link['direction']
  readonly #handshake: CloseHandshake
  readonly #outbox: Outbox
  #work: readonly OpenWork[] = []
  /** `trySend` or `claim` found no room. */
  #mustEmitDrain = false
  /** END is in the outbox or with the link: no message may follow it. */
  #ended = false

  /** `emitter` gets the `drain` events. */
  constructor(emitter: EventEmitter, link: Link, handshake: CloseHandshake, options: SenderOptions) {
    this.#emitter = emitter
    this.#link = link
    this.#direction = link.direction
    this.#handshake = handshake
    this.#codecName = options.codec.name
    this.maxMessageBytes = options.maxMessageBytes
    const bounds = { messageBytesMax: options.maxMessageBytes, decodedBytesMax: options.maxDecodedBytes }
    this.codec = new MessageCodec(options.codec, bounds, (note) => this.#sendNote(note))
    this.waitingBytes = new WaitingBytes(options.maxOutboxBytes)
    this.#outbox = new Outbox(link, this.codec, this.waitingBytes)
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
    this.#assertMaySend()
    const payload = this.codec.encode(message)
    // Afterwards: accessors of the message run during the encoding, and may end the channel.
    this.#handshake.assertOpen()
    return payload
  }

  /** Throws `INVALID_STATE` if no reply could arrive, or if this side must not send. */
  assertMayRequest(): void {
    this.#assertMaySend()
    if (this.#direction !== undefined)
      throw wrongTime('this channel has one direction, and a request needs two; send a message')
  }

  /** Throws unless a call of a service may begin now. */
  assertMayCall(): void {
    this.assertMayRequest()
    this.#handshake.assertOpen()
  }

  /** False: there is no room, and `drain` follows. */
  trySend(message: unknown): boolean {
    const payload = this.encode(message)
    const { length } = payload
    if (!this.#outbox.tryPush(RecordKind.MESSAGE, 0, payload)) {
      this.#mustEmitDrain = true
      return false
    }
    if (channelSend.hasSubscribers) this.#publishSend(message, length)
    return true
  }

  /** See Channel.cork. */
  cork(): void {
    this.#outbox.cork()
  }

  /** See Channel.uncork. */
  uncork(): void {
    this.#outbox.uncork()
  }

  /** Sends a message in its turn. Returns it while it waits for room. */
  send(message: unknown, settle: Settle): Outgoing | undefined {
    const payload = this.encode(message)
    this.waitingBytes.assertRoom(payload)
    const { length } = payload
    const outgoing = this.#outbox.push(RecordKind.MESSAGE, 0, payload, settle)
    if (channelSend.hasSubscribers) this.#publishSend(message, length)
    return outgoing
  }

  /** Sends a record in its turn. Returns it while it waits for room. */
  push(kind: number, id: number, payload: Uint8Array, settle?: Settle): Outgoing | undefined {
    return this.#outbox.push(kind, id, payload, settle)
  }

  /** Like `push`, for records that may come late: while the channel cannot send any more, it drops the record. */
  pushOpen(kind: number, id: number, payload: Uint8Array, settle?: Settle): Outgoing | undefined {
    const { closeSent, hasEnded } = this.#handshake
    if (!closeSent && !hasEnded) return this.#outbox.push(kind, id, payload, settle)
    settle?.(new ShmwireError(ErrorCode.CLOSED, 'the channel is closed'))
    return undefined
  }

  /** Runs `flushed` when everything that was sent so far reaches the peer; not at all if the channel ends before. */
  afterFlush(flushed: () => void): void {
    this.#outbox.afterFlush(flushed)
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
    this.#assertMaySend()
    checkClaim(byteLength, this.#codecName, this.maxMessageBytes)
    this.#handshake.assertOpen()
    if (this.hasClaim) throw wrongTime('a claim is already open; commit or abort it first')
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
    if (channelSend.hasSubscribers) this.#publishSend(undefined, length)
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

  /** This side sends no more messages: END follows those that were sent. */
  end(): void {
    if (this.#ended || !this.#handshake.isOpen) return
    this.#ended = true
    this.#outbox.push(RecordKind.END, 0, NO_PAYLOAD)
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

  /** A message is sent, or waits for room. */
  #publishSend(message: unknown, byteLength: number): void {
    channelSend.publish({ channel: this.#emitter, message, byteLength })
  }

  #assertMaySend(): void {
    if (this.#ended && this.#handshake.isOpen)
      throw wrongTime('this side has called end(), and sends only replies; connect again to send')
    if (this.#direction === 'read')
      throw wrongTime('this channel only receives; the other end of its stream sends')
  }

  #endIfComplete(): void {
    if (this.#handshake.isComplete) this.#link.end()
  }

  /** A claim has left its place: the records after it follow. */
  #sendWaiting(): void {
    this.#outbox.pump()
    // Later, like every `drain`: this runs inside a call of the user.
    if (this.#mustEmitDrain) nextTick(() => this.drain())
  }

  /** A note of the codec, sent during the encoding of a message, precedes it and cannot be withdrawn. */
  #sendNote(note: Uint8Array): boolean {
    const { closeSent, closeReceived, hasEnded } = this.#handshake
    if (closeSent || closeReceived || hasEnded) return false
    this.#outbox.push(RecordKind.CODEC, 0, Buffer.from(note))
    return true
  }
}
