import type { EventEmitter } from 'node:events'
import { ErrorCode, ShmwireError } from '../errors.js'
import { notifyLateListeners } from '../late-listeners.js'
import type { Link, LinkSink } from '../link/link.js'
import { channelPeerGone, channelReceive } from '../observe/diagnostics-channels.js'
import { runApart } from '../uncaught.js'
import { messagesIn } from '../wire/message-count.js'
import { isCallKind, RecordKind } from '../wire/record-kind.js'
import type { CallPort } from './call-port.js'
import type { CloseHandshake } from './close-handshake.js'
import type { Delivery } from './delivery.js'
import type { IncomingRequests } from './incoming-requests.js'
import type { MessageCodec } from './message-codec.js'
import type { OutgoingRequests } from './outgoing-requests.js'
import type { Sender } from './sender.js'
import type { ChannelDependencies } from './types.js'

export interface ReceiverDependencies {
  readonly emitter: EventEmitter
  readonly link: Pick<Link, 'borrowsPeerMemory' | 'destroy'>
  readonly codec: Pick<MessageCodec, 'applyNote'>
  readonly decoder: Pick<MessageCodec, 'decode'>
  readonly handshake: CloseHandshake
  readonly delivery: Delivery
  readonly outgoing: Pick<OutgoingRequests, 'fail' | 'settle'>
  readonly incoming: Pick<IncomingRequests<unknown>, 'begin' | 'cancel' | 'fail'>
  readonly calls: Pick<CallPort, 'fail' | 'record'>
  readonly sender: Pick<Sender, 'closeIfIdle' | 'drain' | 'fail' | 'peerClosed'>
  readonly onClosed: ChannelDependencies['onClosed']
}

/** The receiving side of a channel: decodes records, passes them on by their kind, and ends the channel. */
export class Receiver implements LinkSink {
  /** Messages, requests, replies and messages of calls that arrived. */
  readonly counters = { messagesReceived: 0, bytesReceived: 0 }
  readonly #dependencies: ReceiverDependencies
  // As fields, because each message uses them.
  readonly #decoder: ReceiverDependencies['decoder']
  readonly #handshake: CloseHandshake
  readonly #delivery: Delivery
  readonly #borrows: boolean
  #peerEnded = false

  constructor(dependencies: ReceiverDependencies) {
    this.#dependencies = dependencies
    this.#decoder = dependencies.decoder
    this.#handshake = dependencies.handshake
    this.#delivery = dependencies.delivery
    this.#borrows = dependencies.link.borrowsPeerMemory === true
  }

  record(kind: number, id: number, payload: Buffer): boolean {
    if (this.#handshake.closeReceived && kind !== RecordKind.HEARTBEAT)
      return this.#corrupt('a record after its close')
    if (kind === RecordKind.MESSAGE) return this.#message(payload)
    // The payloads of the other kinds outlive this call.
    return this.#control(kind, id, this.#borrows ? Buffer.from(payload) : payload)
  }

  batchEnd(): void {
    this.#delivery.batchEnd()
  }

  drain(): void {
    this.#dependencies.sender.drain()
  }

  /** Ends the channel without the remaining messages. */
  destroy(error: Error | undefined): void {
    this.#delivery.discard()
    if (this.#handshake.hasEnded) return
    this.#dependencies.link.destroy()
    this.close(error, error ?? new ShmwireError(ErrorCode.CLOSED, 'the channel was destroyed'))
  }

  /** The channel has ended, in order or with `error`. Calls of `close()` that wait get `closeError`. */
  close(error?: Error, closeError: Error | undefined = error): void {
    const waiting = this.#handshake.finish(error)
    if (waiting === undefined) return
    if (channelPeerGone.hasSubscribers) this.#publishPeerGone(error)
    // Before the callbacks below, which may discard messages.
    runApart(() => this.#delivery.batchEnd())
    const { calls, emitter, incoming, onClosed, outgoing, sender } = this.#dependencies
    const reason = error ?? new ShmwireError(ErrorCode.CLOSED, 'the channel was closed')
    outgoing.fail(reason)
    calls.fail(reason, 'unknown')
    sender.fail(reason)
    incoming.fail(reason)
    const onEnded = (): void => {
      for (const onEnd of waiting) onEnd(closeError)
      onClosed?.(error)
    }
    this.#delivery.end(error, onEnded, () => {
      try {
        if (error !== undefined && emitter.listenerCount('error') > 0) emitter.emit('error', error)
      } finally {
        notifyLateListeners(emitter, 'close', error)
        emitter.emit('close', error)
      }
    })
  }

  #message(payload: Buffer): boolean {
    if (this.#peerEnded) return this.#corrupt('a message after its end')
    this.#count(payload)
    let message: unknown
    try {
      message = this.#decoder.decode(payload)
    } catch (error) {
      return this.#break(error as ShmwireError)
    }
    const delivery = this.#delivery
    if (channelReceive.hasSubscribers) this.#publishReceive(message, payload.length)
    const closing = !this.#handshake.isOpen
    if (!closing || delivery.accepts) delivery.take(message, payload)
    if (closing && delivery.overflows) return this.#break(delivery.overflow())
    return delivery.mayReadOn(closing)
  }

  #control(kind: number, id: number, payload: Buffer): boolean {
    if (isCallKind(kind)) return this.#call(kind, id, payload)
    const { incoming, outgoing, sender } = this.#dependencies
    switch (kind) {
      case RecordKind.REQUEST:
        return this.#request(id, payload)
      case RecordKind.REPLY:
      case RecordKind.ERROR:
        this.#count(payload)
        if (!outgoing.settle(id, payload, kind === RecordKind.ERROR))
          return this.#corrupt('a reply to a request that is not open')
        sender.closeIfIdle()
        return true
      case RecordKind.CANCEL:
        if (payload.length > 0) return this.#corrupt('a cancellation with a payload')
        incoming.cancel(id)
        return true
      case RecordKind.CLOSE:
        if (payload.length > 0) return this.#corrupt('a close with a payload')
        this.#peerClosed()
        return true
      case RecordKind.CODEC: {
        const fault = this.#dependencies.codec.applyNote(payload)
        return fault === undefined || this.#break(fault)
      }
      case RecordKind.END:
        return this.#end(payload)
      case RecordKind.HEARTBEAT:
        return payload.length === 0 || this.#corrupt('a heartbeat with a payload')
      default:
        return this.#corrupt(`a record of unknown kind ${kind}`)
    }
  }

  #end(payload: Buffer): boolean {
    if (payload.length > 0) return this.#corrupt('an end with a payload')
    if (this.#peerEnded) return this.#corrupt('a second end of its messages')
    this.#peerEnded = true
    this.#delivery.endMessages(() => this.#dependencies.emitter.emit('end'))
    return true
  }

  #request(id: number, payload: Buffer): boolean {
    this.#count(payload)
    // No answer may follow our CLOSE; the peer rejects the request when it reads the CLOSE.
    if (this.#handshake.closeSent) return true
    // A side that closes refuses requests: with new work, a busy channel would never close.
    const fault = this.#dependencies.incoming.begin(id, payload, !this.#handshake.isOpen)
    return fault === undefined || this.#corrupt(fault)
  }

  #call(kind: number, id: number, payload: Buffer): boolean {
    const messages = messagesIn(kind, payload)
    if (messages > 0) this.#count(payload, messages)
    if (this.#handshake.closeSent) return true
    const fault = this.#dependencies.calls.record(kind, id, payload, !this.#handshake.isOpen)
    return fault === undefined || this.#corrupt(fault)
  }

  #peerClosed(): void {
    const { calls, incoming, outgoing, sender } = this.#dependencies
    this.#handshake.peerClose()
    const error = new ShmwireError(ErrorCode.CLOSED, 'the peer closed the channel')
    outgoing.fail(error)
    // It closes when it has answered all calls that it has begun, so those that are still open did not run.
    calls.fail(error, 'no')
    incoming.fail(error)
    sender.peerClosed(error)
  }

  #publishReceive(message: unknown, byteLength: number): void {
    channelReceive.publish({ channel: this.#dependencies.emitter, message, byteLength })
  }

  #publishPeerGone(error: Error | undefined): void {
    if (error instanceof ShmwireError && error.code === ErrorCode.PEER_GONE)
      channelPeerGone.publish({ channel: this.#dependencies.emitter, error })
  }

  #count(payload: Buffer, messages = 1): void {
    this.counters.messagesReceived += messages
    this.counters.bytesReceived += payload.length
  }

  #corrupt(what: string): false {
    return this.#break(new ShmwireError(ErrorCode.CORRUPT, `the peer sent ${what}; the channel is closed`))
  }

  /** Ends the channel at a bad record. Unlike `destroy`, the messages before it are still delivered. */
  #break(error: ShmwireError): false {
    // First: a listener of the last batch may block, and must not read the records after this one.
    if (!this.#handshake.hasEnded) this.#dependencies.link.destroy()
    this.close(error)
    return false
  }
}
