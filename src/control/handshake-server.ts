/**
 * The server's half of the handshake; docs/protocol.md has the state tables.
 *
 *   → preamble, HELLO            preamble, OFFER →
 *   socket:  → READY
 *   shm:     (→ INBOX_FULL  INBOX_READY →)*  → HANDLES  READY →  → READY
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Peer } from '../link/link.js'
import type { Credentials, NativeEndpoint, NativeInbox } from '../native/binding.js'
import { memoryFault } from '../native/load-binding.js'
import { clip, type Hello, readHello, readSocketReason } from './control-messages.js'
import { type Conversation, converse } from './conversation.js'
import { FrameKind } from './frames.js'
import {
  type Agreement,
  RECORDS_MAX,
  SERVER_HANDSHAKE_TIMEOUT_MS,
  type ServerHandshakeOptions,
} from './handshake.js'
import { callNative, NativeFailure } from './native-failure.js'
import { identifyPeer, peerFault } from './peer.js'
import { versionFault } from './preamble.js'

const TOKEN_BYTES = 16
/** More than any client of ours asks for; a peer that only ever complains is no client. */
const DRAINS_MAX = 1_000

/**
 * Runs the server's side on an accepted socket. Rejects with a ShmwireError (`PEER_GONE` for one that only looked
 * whether somebody listens, `TIMEOUT`, `VERSION`, `CORRUPT`, `DENIED`, …), after which everything has been given back.
 */
export function handshakeAsServer(socket: Socket, options: ServerHandshakeOptions): Promise<Agreement> {
  const bounds = { signal: options.signal, timeoutMs: options.timeoutMs ?? SERVER_HANDSHAKE_TIMEOUT_MS }
  return converse(socket, bounds, (conversation) => new Server(conversation, options).run())
}

/** Own segment and the token under which the client's is expected. */
interface Expectation {
  readonly endpoint: NativeEndpoint
  readonly inbox: NativeInbox
  readonly token: Buffer
  readonly endTurn: () => void
}

class Server {
  readonly #conversation: Conversation
  readonly #options: ServerHandshakeOptions

  constructor(conversation: Conversation, options: ServerHandshakeOptions) {
    this.#conversation = conversation
    this.#options = options
  }

  async run(): Promise<Agreement> {
    const conversation = this.#conversation
    const preamble = await conversation.preamble()
    conversation.sendPreamble()
    const fault = versionFault(preamble)
    if (fault !== undefined) throw conversation.refuse(fault)
    const hello = readHello((await conversation.next([FrameKind.HELLO])).payload)
    const peer = identifyPeer(conversation.socket, this.#options.native, hello.pid)
    const refusal = peerFault(peer, this.#options.settings) ?? this.#mismatch(hello)
    if (refusal !== undefined) throw conversation.refuse(refusal)

    const obstacle = this.#obstacle(hello)
    if (obstacle !== undefined) return this.#offerSocket(obstacle, hello, peer)
    let expectation: Expectation
    try {
      expectation = this.#expect(hello, peer, await this.#options.handovers.begin())
    } catch (failure) {
      if (!(failure instanceof NativeFailure)) throw failure
      if (!failure.allowsFallback) throw conversation.refuse(failure.error)
      return this.#offerSocket(failure.error, hello, peer)
    }
    return this.#offerMemory(expectation, hello, peer)
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
      (settings.transport === 'socket' && "transport: 'socket' was asked for by the server") ||
      (hello.transport === 'socket' && "transport: 'socket' was asked for by the client") ||
      (fault !== undefined && `the server has no shared memory: ${fault}`) ||
      (inbox === undefined &&
        `the server has no inbox for descriptors: ${inboxUnavailable ?? 'it was not opened'}`) ||
      (hello.shm !== true && `the client has no shared memory: ${hello.shm}`)
    return reason === false ? undefined : new ShmwireError(ErrorCode.UNAVAILABLE, clip(reason))
  }

  #expect(hello: Hello, peer: Peer, endTurn: () => void): Expectation {
    const { inbox } = this.#options
    const conversation = this.#conversation
    try {
      if (inbox === undefined) throw new Error('unreachable: #obstacle has seen to it')
      conversation.assertGoing()
      const endpoint = this.#createEndpoint(hello)
      const expectation = { endpoint, inbox, token: randomBytes(TOKEN_BYTES), endTurn }
      try {
        callNative('the inbox takes no token', () => inbox.expect(expectation.token, credentialsOf(peer)))
      } catch (failure) {
        endpoint.close()
        throw failure
      }
      conversation.onFailure(() => release(expectation))
      return expectation
    } catch (failure) {
      endTurn()
      throw failure
    }
  }

  #createEndpoint(hello: Hello): NativeEndpoint {
    const { settings, native } = this.#options
    return callNative('the server cannot create its segment', () => {
      if (!('binding' in native)) throw new Error('unreachable: #obstacle has seen to it')
      const { ringBytes } = settings
      const maxMessageBytes = this.#maxMessageBytes(hello)
      return new native.binding.Endpoint({ ringBytes, maxMessageBytes, recordsMax: RECORDS_MAX })
    })
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

  async #offerMemory(expectation: Expectation, hello: Hello, peer: Peer): Promise<Agreement> {
    const conversation = this.#conversation
    const token = expectation.token.toString('hex')
    const mayFallBack = this.#mayFallBack(hello)
    conversation.send(FrameKind.OFFER, { ...this.#offer(), transport: 'shm', token, mayFallBack })

    const fallbackKinds = mayFallBack ? [FrameKind.SOCKET] : []
    let frame = await conversation.next([FrameKind.HANDLES, FrameKind.INBOX_FULL, ...fallbackKinds])
    for (let drains = 0; frame.kind === FrameKind.INBOX_FULL; drains += 1) {
      if (drains === DRAINS_MAX) {
        throw new ShmwireError(
          ErrorCode.CORRUPT,
          `the client found the inbox full more than ${DRAINS_MAX} times`,
        )
      }
      callNative('the inbox cannot be drained', () => expectation.inbox.drain())
      conversation.send(FrameKind.INBOX_READY)
      frame = await conversation.next([FrameKind.HANDLES, FrameKind.INBOX_FULL, ...fallbackKinds])
    }
    if (frame.kind === FrameKind.SOCKET) return this.#giveUpMemory(expectation, frame.payload, hello, peer)

    const failure = this.#acceptHandles(expectation)
    if (failure !== undefined) {
      if (!mayFallBack || !failure.allowsFallback) throw conversation.refuse(failure.error)
      release(expectation)
      const reason = clip(failure.message)
      conversation.send(FrameKind.SOCKET, { reason })
      await conversation.next([FrameKind.READY])
      return this.#agree(hello, peer, undefined, reason)
    }
    conversation.send(FrameKind.READY)
    const last = await conversation.next([FrameKind.READY, ...fallbackKinds])
    if (last.kind === FrameKind.SOCKET) return this.#giveUpMemory(expectation, last.payload, hello, peer)
    forget(expectation)
    return this.#agree(hello, peer, expectation.endpoint, undefined)
  }

  #acceptHandles({ endpoint, inbox, token }: Expectation): NativeFailure | undefined {
    try {
      callNative("the client's segment cannot be mapped", () => endpoint.acceptHandles(inbox, token))
      return undefined
    } catch (failure) {
      return failure as NativeFailure
    }
  }

  #giveUpMemory(expectation: Expectation, payload: Buffer, hello: Hello, peer: Peer): Agreement {
    release(expectation)
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

/** As the kernel will tell them with the descriptors; 0 is a process that we cannot name, in both places. */
function credentialsOf({ verified, pid = 0, uid, gid }: Peer): Credentials | undefined {
  return verified && uid !== undefined && gid !== undefined ? { pid, uid, gid } : undefined
}

function release(expectation: Expectation): void {
  forget(expectation)
  expectation.endpoint.close()
}

function forget({ inbox, token, endTurn }: Expectation): void {
  endTurn()
  try {
    inbox.discard(token)
  } catch {
    // The server has closed its inbox in the meantime, and with it all that it held.
  }
}
