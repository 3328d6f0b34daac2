/**
 * The server's half of the handshake; docs/protocol.md has the state tables.
 *
 *   → preamble, HELLO            preamble, OFFER →
 *   socket:  → READY
 *   shm:     (→ INBOX_FULL  INBOX_READY →)*  → HANDLES  READY →  → READY
 */
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Peer } from '../link/link.js'
import type { Credentials, NativeEndpoint } from '../native/binding.js'
import { memoryFault } from '../native/load-binding.js'
import { admitPeer } from './admit-peer.js'
import { clip, type Hello, readHello, readSocketReason } from './control-messages.js'
import { type ControlFrame, type Conversation, converse } from './conversation.js'
import { ExpectedHandover, type Pause } from './expected-handover.js'
import { FrameKind } from './frames.js'
import type { Grant, Owner, ReleaseSlot } from './handover-slots.js'
import {
  type Agreement,
  RECORDS_MAX,
  SERVER_HANDSHAKE_TIMEOUT_MS,
  type ServerHandshakeOptions,
} from './handshake.js'
import { NativeFailure } from './native-failure.js'
import { ownerOf } from './peer.js'
import { versionFault } from './preamble.js'

/** As often as the protocol lets a client say that the inbox is full. */
const DRAINS_MAX = 100

/**
 * Runs the server's side on an accepted socket. Rejects with a ShmwireError (`PEER_GONE` for one that only looked
 * whether somebody listens, `TIMEOUT`, `VERSION`, `CORRUPT`, `DENIED`, …), after which everything has been given back.
 */
export function handshakeAsServer(socket: Socket, options: ServerHandshakeOptions): Promise<Agreement> {
  const bounds = { signal: options.signal, timeoutMs: options.timeoutMs ?? SERVER_HANDSHAKE_TIMEOUT_MS }
  return converse(socket, bounds, (conversation) => new Server(conversation, options).run())
}

class Server {
  readonly #conversation: Conversation
  readonly #options: ServerHandshakeOptions
  readonly #owner: Owner
  /** Stops counting the connection as one that waits for its client. */
  #leaveHalfOpen = (): void => {}

  constructor(conversation: Conversation, options: ServerHandshakeOptions) {
    this.#conversation = conversation
    this.#options = options
    this.#owner = ownerOf(conversation.socket, options.native)
  }

  async run(): Promise<Agreement> {
    this.#enterHalfOpen()
    try {
      const agreement = await this.#shake()
      this.#leaveHalfOpen()
      return agreement
    } catch (error) {
      // A refused client may linger, with a descriptor of ours.
      const { socket } = this.#conversation
      if (socket.destroyed) this.#leaveHalfOpen()
      else socket.once('close', this.#leaveHalfOpen)
      throw error
    }
  }

  #enterHalfOpen(): void {
    const { halfOpen } = this.#options.limits
    this.#leaveHalfOpen = halfOpen.enter(this.#owner, () => {
      const message = `the server ended its oldest open handshake, because ${halfOpen.count} others are open too; try again later`
      this.#conversation.dismiss(new ShmwireError(ErrorCode.UNAVAILABLE, message))
    })
  }

  async #shake(): Promise<Agreement> {
    const conversation = this.#conversation
    const preamble = await conversation.preamble()
    conversation.sendPreamble()
    const fault = versionFault(preamble)
    if (fault !== undefined) throw conversation.refuse(fault)
    const hello = readHello((await conversation.next([FrameKind.HELLO])).payload)
    const { peer, credentials } = admitPeer(this.#conversation, this.#options, hello.pid)
    const refusal = this.#mismatch(hello)
    if (refusal !== undefined) throw conversation.refuse(refusal)

    const obstacle = this.#obstacle(hello)
    if (obstacle !== undefined) return this.#offerSocket(obstacle, hello, peer)
    const grant = await this.#waitForSlot()
    if ('unavailable' in grant) {
      const error = new ShmwireError(ErrorCode.UNAVAILABLE, grant.unavailable)
      return this.#offerSocket(error, hello, peer)
    }
    let handover: ExpectedHandover
    try {
      handover = this.#expect(credentials, grant.release)
    } catch (failure) {
      if (!(failure instanceof NativeFailure)) throw failure
      if (!failure.allowsFallback) throw conversation.refuse(failure.error)
      return this.#offerSocket(failure.error, hello, peer)
    }
    return this.#offerMemory(handover, hello, peer)
  }

  /** Meanwhile the client waits for us. */
  async #waitForSlot(): Promise<Grant> {
    this.#leaveHalfOpen()
    const grant = await new Promise<Grant>((resolve) => {
      const end = this.#options.limits.slots.request(this.#owner, resolve)
      this.#conversation.onFailure(() => {
        end()
        resolve({ unavailable: 'the handshake was aborted' })
      })
    })
    this.#conversation.assertGoing()
    this.#enterHalfOpen()
    return grant
  }

  /** Why the two sides cannot talk at all. */
  #mismatch(hello: Hello): ShmwireError | undefined {
    const { settings, codecName } = this.#options
    if (hello.codec !== codecName) {
      const names = `the client's codec is ${JSON.stringify(hello.codec)}, the server's ${JSON.stringify(codecName)}`
      return new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${names}; pass the same option codec to both`)
    }
    const pair = [settings.transport, hello.transport]
    if (!pair.includes('shm') || !pair.includes('socket')) return undefined
    const names = `the client asks for transport ${hello.transport}, the server for ${settings.transport}`
    return new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${names}; leave one of them at 'auto'`)
  }

  /** Why there will be no shared memory, as far as one can tell without trying. */
  #obstacle(hello: Hello): ShmwireError | undefined {
    const { settings, native, inbox, inboxUnavailable } = this.#options
    const fault = memoryFault(native)
    const reason =
      (settings.transport === 'socket' && "the server has the option transport: 'socket'") ||
      (hello.transport === 'socket' && "the client has the option transport: 'socket'") ||
      (fault !== undefined && `the server has no shared memory: ${fault}`) ||
      (inbox === undefined &&
        `the server has no inbox for descriptors: ${inboxUnavailable ?? 'it was not opened'}`) ||
      (hello.shm !== true && `the client has no shared memory: ${hello.shm}`)
    return reason === false ? undefined : new ShmwireError(ErrorCode.UNAVAILABLE, clip(reason))
  }

  #expect(credentials: Credentials | undefined, releaseSlot: ReleaseSlot): ExpectedHandover {
    const { inbox } = this.#options
    if (inbox === undefined) throw new Error('unreachable: #obstacle has seen to it')
    const handover = new ExpectedHandover(inbox, credentials, releaseSlot)
    this.#conversation.onFailure(() => handover.release())
    return handover
  }

  #createEndpoint(hello: Hello): NativeEndpoint {
    const { settings, native } = this.#options
    if (!('binding' in native)) throw new Error('unreachable: #obstacle has seen to it')
    const { ringBytes } = settings
    const maxMessageBytes = this.#maxMessageBytes(hello)
    return new native.binding.Endpoint({ ringBytes, maxMessageBytes, recordsMax: RECORDS_MAX })
  }

  async #offerSocket(error: ShmwireError, hello: Hello, peer: Peer): Promise<Agreement> {
    const conversation = this.#conversation
    // 'shm' against 'socket' has been refused before, so an insistence here is a want of means.
    if (!this.#mayFallBack(hello) && !this.#socketIsWanted(hello)) throw conversation.refuse(error)
    const reason = clip(error.message)
    conversation.send(FrameKind.OFFER, { ...this.#offer(), transport: 'socket', reason })
    await conversation.next([FrameKind.READY])
    return this.#agree(hello, peer, undefined, reason)
  }

  async #offerMemory(handover: ExpectedHandover, hello: Hello, peer: Peer): Promise<Agreement> {
    const conversation = this.#conversation
    const token = handover.token.toString('hex')
    const mayFallBack = this.#mayFallBack(hello)
    conversation.send(FrameKind.OFFER, { ...this.#offer(), transport: 'shm', token, mayFallBack })

    const fallbackKinds = mayFallBack ? [FrameKind.SOCKET] : []
    const frame = await this.#nextWhileFull(handover, [FrameKind.HANDLES, ...fallbackKinds])
    if (frame.kind === FrameKind.SOCKET) return this.#giveUpMemory(handover, frame.payload, hello, peer)

    const accepted = await this.#acceptHandles(handover, hello)
    if (accepted instanceof NativeFailure) {
      if (!mayFallBack || !accepted.allowsFallback) throw conversation.refuse(accepted.error)
      handover.release()
      const reason = clip(accepted.message)
      conversation.send(FrameKind.SOCKET, { reason })
      await conversation.next([FrameKind.READY])
      return this.#agree(hello, peer, undefined, reason)
    }
    conversation.send(FrameKind.READY)
    const last = await conversation.next([FrameKind.READY, ...fallbackKinds])
    if (last.kind === FrameKind.SOCKET) return this.#giveUpMemory(handover, last.payload, hello, peer)
    handover.complete()
    return this.#agree(hello, peer, accepted, undefined)
  }

  /** The next frame of these kinds. Meanwhile the client may say that the inbox is full. */
  async #nextWhileFull(handover: ExpectedHandover, kinds: readonly number[]): Promise<ControlFrame> {
    const conversation = this.#conversation
    for (let drains = 0; ; drains += 1) {
      const frame = await conversation.next([FrameKind.INBOX_FULL, ...kinds])
      if (frame.kind !== FrameKind.INBOX_FULL) return frame
      if (drains === DRAINS_MAX) {
        const message = `the client found the inbox full more than ${DRAINS_MAX} times`
        throw new ShmwireError(ErrorCode.CORRUPT, message)
      }
      try {
        await handover.drain(this.#pause)
      } catch (failure) {
        if (!(failure instanceof NativeFailure)) throw failure
        // What the client sends next fails for the same reason, and then it is told.
      }
      conversation.send(FrameKind.INBOX_READY)
    }
  }

  readonly #pause: Pause = async (ms) => {
    await (ms === 0 ? nextTurn() : sleep(ms))
    this.#conversation.assertGoing()
  }

  /** Only now is a segment needed: a client that goes no further than HELLO costs none. */
  async #acceptHandles(handover: ExpectedHandover, hello: Hello): Promise<NativeEndpoint | NativeFailure> {
    try {
      await handover.settle(this.#pause)
      return handover.accept(() => this.#createEndpoint(hello))
    } catch (failure) {
      if (failure instanceof NativeFailure) return failure
      throw failure
    }
  }

  #giveUpMemory(handover: ExpectedHandover, payload: Buffer, hello: Hello, peer: Peer): Agreement {
    handover.release()
    return this.#agree(hello, peer, undefined, readSocketReason(payload))
  }

  #mayFallBack(hello: Hello): boolean {
    return this.#options.settings.transport === 'auto' && hello.transport === 'auto'
  }

  #socketIsWanted(hello: Hello): boolean {
    return this.#options.settings.transport === 'socket' || hello.transport === 'socket'
  }

  #offer(): object {
    const { settings, codecName } = this.#options
    const { maxMessageBytes, ringBytes } = settings
    return { features: [], codec: codecName, maxMessageBytes, ringBytes, pid: process.pid }
  }

  #maxMessageBytes(hello: Hello): number {
    return Math.min(this.#options.settings.maxMessageBytes, hello.maxMessageBytes)
  }

  #agree(
    hello: Hello,
    peer: Peer,
    endpoint: NativeEndpoint | undefined,
    fallbackReason: string | undefined,
  ): Agreement {
    const maxMessageBytes = this.#maxMessageBytes(hello)
    return this.#conversation.agreement({ peer, endpoint, fallbackReason, maxMessageBytes })
  }
}
