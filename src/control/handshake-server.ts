/**
 * The server's side of the handshake. docs/protocol.md has the state tables.
 *
 *   → preamble, HELLO            preamble, OFFER →
 *   socket:  → READY
 *   shm:     (→ HANDOVER_FULL  HANDOVER_READY →)*  → HANDLES  READY →  → READY
 *
 *   → preamble, DESCRIBE         preamble →       the rest is in observers.ts
 */

import type { Socket } from 'node:net'
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { nextTurn, sleep } from '../host.js'
import type { Credentials, NativeEndpoint } from '../native/binding.js'
import { memoryFault } from '../native/load-binding.js'
import { isOwnUser, type Peer, UNKNOWN_PROCESS } from '../peer.js'
import { isLocal } from '../transport.js'
import type { Agreement } from '../wire/agreement.js'
import { FEATURES } from '../wire/features.js'
import type { FrameParser } from '../wire/frame-parser.js'
import { FrameKind } from '../wire/frames.js'
import { hasMagic, noShmwire, versionFault } from '../wire/preamble.js'
import { beginsTls } from '../wire/tls-record.js'
import { admitPeer } from './admit-peer.js'
import { clientCertificateFault } from './client-certificate.js'
import {
  clip,
  type Hello,
  newConnectionId,
  type RelayedClient,
  readHello,
  readSocketReason,
} from './control-messages.js'
import { readDescribe } from './description.js'
import { ExpectedHandover, type Pause } from './expected-handover.js'
import type { Grant, Owner, ReleaseSlot } from './handover-slots.js'
import { RECORDS_MAX, SERVER_HANDSHAKE_TIMEOUT_MS, type ServerHandshakeOptions } from './handshake.js'
import { type ControlFrame, type HandshakeConnection, runHandshake } from './handshake-connection.js'
import { agreeOnHeartbeat, heartbeatMembers } from './heartbeat-terms.js'
import { authorizeFault, ownerOf } from './identity.js'
import { NativeFailure } from './native-failure.js'
import { ownerOfAddress } from './remote-identity.js'

/** The protocol limits the number of HANDOVER_FULL frames. */
const DRAINS_MAX = 100

/** An authorized client that asks for the description of the server, and wants no channel. The socket is paused, as in an Agreement. */
export interface Observer {
  readonly owner: Owner
  readonly peer: Peer
  /** On this machine, and not relayed by a gateway. */
  readonly isLocal: boolean
  readonly socket: ByteStream
  readonly parser: FrameParser
}

/**
 * Runs the server's side on an accepted socket. Rejects with a ShmwireError (`TIMEOUT`, `VERSION`, `CORRUPT`, `DENIED`, …; `PEER_GONE`
 * for a client that only checked whether a server listens). Then all resources are released.
 */
export function handshakeAsServer(
  socket: ByteStream,
  options: ServerHandshakeOptions,
): Promise<Agreement | Observer> {
  const bounds = { signal: options.signal, timeoutMs: options.timeoutMs ?? SERVER_HANDSHAKE_TIMEOUT_MS }
  return runHandshake(socket, bounds, (connection) => new Server(connection, options).run())
}

function ownerOfConnection(socket: ByteStream, { native, transport }: ServerHandshakeOptions): Owner {
  return isLocal(transport)
    ? ownerOf(socket, native)
    : ownerOfAddress((socket as Partial<Socket>).remoteAddress)
}

class Server {
  readonly #connection: HandshakeConnection
  readonly #options: ServerHandshakeOptions
  readonly #owner: Owner
  readonly #connectionId = newConnectionId()
  /** Ends the count of this connection as half-open. */
  #leaveHalfOpen = (): void => {}

  constructor(connection: HandshakeConnection, options: ServerHandshakeOptions) {
    this.#connection = connection
    this.#options = options
    this.#owner = ownerOfConnection(connection.socket, options)
  }

  async run(): Promise<Agreement | Observer> {
    this.#enterHalfOpen()
    try {
      const result = await this.#shake()
      this.#leaveHalfOpen()
      return result
    } catch (error) {
      // A refused client can still hold a descriptor of this server.
      const { socket } = this.#connection
      if (socket.destroyed) this.#leaveHalfOpen()
      else socket.once('close', this.#leaveHalfOpen)
      throw error
    }
  }

  #enterHalfOpen(): void {
    const { halfOpen } = this.#options.limits
    this.#leaveHalfOpen = halfOpen.enter(this.#owner, () => {
      const message = `the server ended its oldest open handshake, because ${halfOpen.count} others are open too; try again later`
      this.#connection.dismiss(new ShmwireError(ErrorCode.UNAVAILABLE, message))
    })
  }

  async #shake(): Promise<Agreement | Observer> {
    const connection = this.#connection
    const { settings, transport } = this.#options
    const uncertified = clientCertificateFault(connection.socket, transport, settings)
    if (uncertified !== undefined) {
      connection.sendPreamble()
      throw connection.refuse(uncertified)
    }
    const preamble = await this.#preamble()
    connection.sendPreamble()
    const fault = versionFault(preamble)
    if (fault !== undefined) throw connection.refuse(fault)
    const first = await connection.next([FrameKind.HELLO, FrameKind.DESCRIBE])
    if (first.kind === FrameKind.DESCRIBE) return this.#admitObserver(first.payload)
    const hello = readHello(first.payload)
    const { peer: sender, credentials } = admitPeer(this.#connection, this.#options, hello.pid)
    const relayed = this.#relayed(hello)
    const peer = relayed === undefined ? sender : this.#admitRelayed(relayed, sender)
    const refusal = this.#mismatch(hello)
    if (refusal !== undefined) throw connection.refuse(refusal)

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
      if (!failure.allowsFallback) throw connection.refuse(failure.error)
      return this.#offerSocket(failure.error, hello, peer)
    }
    return this.#offerMemory(handover, hello, peer)
  }

  async #preamble(): Promise<Buffer> {
    const connection = this.#connection
    const bytes = await connection.firstBytes()
    if (hasMagic(bytes)) return bytes
    const foreign = noShmwire(bytes)
    if (!beginsTls(bytes)) throw foreign
    // From bytes that are not TLS, the TLS library of the client finds out that this server has none.
    connection.sendPreamble()
    throw connection.refuse(foreign)
  }

  #admitObserver(payload: Buffer): Observer {
    const { socket, parser } = this.#connection
    const { peer } = admitPeer(this.#connection, this.#options, readDescribe(payload))
    return { owner: this.#owner, peer, isLocal: isLocal(this.#options.transport), socket, parser }
  }

  /** Over other connections than a control socket, a client could hide its address. */
  #relayed({ relayed }: Hello): RelayedClient | undefined {
    return isLocal(this.#options.transport) ? relayed : undefined
  }

  /**
   * The gateway is admitted like any client. If the user decides, the client behind it needs the user's consent too. Only a gateway of the
   * same user is believed about the identity of its client.
   */
  #admitRelayed({ address, identity: stated }: RelayedClient, gateway: Peer): Peer {
    const identity = isOwnUser(gateway) ? stated : undefined
    const peer: Peer = { ...UNKNOWN_PROCESS, verified: false, address, identity }
    const { settings } = this.#options
    if (settings.authorize === undefined) return peer
    const who = `the client at ${address ?? 'an unknown address'}, behind a gateway`
    const denied = authorizeFault(settings.authorize, peer, who, settings)
    if (denied !== undefined) throw this.#connection.refuse(denied)
    this.#connection.assertOpen()
    return peer
  }

  /** During this wait, the server keeps the client waiting, so the connection is not half-open. */
  async #waitForSlot(): Promise<Grant> {
    this.#leaveHalfOpen()
    const grant = await new Promise<Grant>((resolve) => {
      const end = this.#options.limits.slots.request(this.#owner, resolve)
      this.#connection.onFailure(() => {
        end()
        resolve({ unavailable: 'the handshake was aborted' })
      })
    })
    this.#connection.assertOpen()
    this.#enterHalfOpen()
    return grant
  }

  /** The error if the two sides have no common codec or transport. */
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

  /** The known reason, if any, why the two sides cannot use shared memory. */
  #obstacle(hello: Hello): ShmwireError | undefined {
    const { settings, native, handoverSocket, handoverUnavailable } = this.#options
    const fault = memoryFault(native)
    const reason =
      (this.#relayed(hello) !== undefined && 'the client is connected through a gateway') ||
      (settings.transport === 'socket' && "the server has the option transport: 'socket'") ||
      (hello.transport === 'socket' && "the client has the option transport: 'socket'") ||
      (fault !== undefined && `the server has no shared memory: ${fault}`) ||
      (handoverSocket === undefined &&
        `the server has no handover socket: ${handoverUnavailable ?? 'it was not opened'}`) ||
      (hello.shm !== true && `the client has no shared memory: ${hello.shm}`)
    return reason === false ? undefined : new ShmwireError(ErrorCode.UNAVAILABLE, clip(reason))
  }

  #expect(credentials: Credentials | undefined, releaseSlot: ReleaseSlot): ExpectedHandover {
    const { handoverSocket } = this.#options
    if (handoverSocket === undefined) throw new Error('unreachable: #obstacle has checked it')
    const handover = new ExpectedHandover(handoverSocket, credentials, releaseSlot)
    this.#connection.onFailure(() => handover.release())
    return handover
  }

  #createEndpoint(hello: Hello, memoryId: Uint8Array): NativeEndpoint {
    const { settings, native } = this.#options
    if (!('binding' in native)) throw new Error('unreachable: #obstacle has checked it')
    const { ringBytes } = settings
    const maxMessageBytes = this.#maxMessageBytes(hello)
    return new native.binding.Endpoint({ ringBytes, maxMessageBytes, recordsMax: RECORDS_MAX, memoryId })
  }

  async #offerSocket(error: ShmwireError, hello: Hello, peer: Peer): Promise<Agreement> {
    const connection = this.#connection
    // #mismatch has refused 'shm' against 'socket'. So a side that insists on 'shm' here cannot have it.
    if (!this.#mayFallBack(hello) && !this.#isSocketRequested(hello)) throw connection.refuse(error)
    const reason = clip(error.message)
    connection.send(FrameKind.OFFER, { ...this.#offer(), transport: 'socket', reason })
    await connection.next([FrameKind.READY])
    return this.#agree(hello, peer, undefined, reason)
  }

  async #offerMemory(handover: ExpectedHandover, hello: Hello, peer: Peer): Promise<Agreement> {
    const connection = this.#connection
    const token = handover.token.toString('hex')
    const mayFallBack = this.#mayFallBack(hello)
    connection.send(FrameKind.OFFER, { ...this.#offer(), transport: 'shm', token, mayFallBack })

    const fallbackKinds = mayFallBack ? [FrameKind.SOCKET] : []
    const frame = await this.#nextWhileFull(handover, [FrameKind.HANDLES, ...fallbackKinds])
    if (frame.kind === FrameKind.SOCKET) return this.#giveUpMemory(handover, frame.payload, hello, peer)

    const accepted = await this.#acceptHandles(handover, hello)
    if (accepted instanceof NativeFailure) {
      if (!mayFallBack || !accepted.allowsFallback) throw connection.refuse(accepted.error)
      handover.release()
      const reason = clip(accepted.message)
      connection.send(FrameKind.SOCKET, { reason })
      await connection.next([FrameKind.READY])
      return this.#agree(hello, peer, undefined, reason)
    }
    connection.send(FrameKind.READY)
    const last = await connection.next([FrameKind.READY, ...fallbackKinds])
    if (last.kind === FrameKind.SOCKET) return this.#giveUpMemory(handover, last.payload, hello, peer)
    handover.complete()
    return this.#agree(hello, peer, accepted, undefined)
  }

  /** The next frame of these kinds. Before it, the client can report that the handover socket is full. */
  async #nextWhileFull(handover: ExpectedHandover, kinds: readonly number[]): Promise<ControlFrame> {
    const connection = this.#connection
    for (let drains = 0; ; drains += 1) {
      const frame = await connection.next([FrameKind.HANDOVER_FULL, ...kinds])
      if (frame.kind !== FrameKind.HANDOVER_FULL) return frame
      if (drains === DRAINS_MAX) {
        const message = `the client found the handover socket full more than ${DRAINS_MAX} times`
        throw new ShmwireError(ErrorCode.CORRUPT, message)
      }
      try {
        await handover.drain(this.#pause)
      } catch (failure) {
        if (!(failure instanceof NativeFailure)) throw failure
        // The next step fails for the same reason, and reports it to the client.
      }
      connection.send(FrameKind.HANDOVER_READY)
    }
  }

  readonly #pause: Pause = async (ms) => {
    await (ms === 0 ? nextTurn() : sleep(ms))
    this.#connection.assertOpen()
  }

  /** Creates the segment only now, so that a client that stops after HELLO costs none. */
  async #acceptHandles(handover: ExpectedHandover, hello: Hello): Promise<NativeEndpoint | NativeFailure> {
    try {
      await handover.settle(this.#pause)
      return handover.accept((memoryId) => this.#createEndpoint(hello, memoryId))
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

  #isSocketRequested(hello: Hello): boolean {
    return this.#options.settings.transport === 'socket' || hello.transport === 'socket'
  }

  #offer(): object {
    const { settings, codecName } = this.#options
    const { maxMessageBytes, ringBytes } = settings
    const heartbeat = heartbeatMembers(this.#options)
    return {
      features: FEATURES,
      codec: codecName,
      maxMessageBytes,
      ringBytes,
      pid: process.pid,
      connectionId: this.#connectionId,
      ...heartbeat,
    }
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
    const carrier = this.#relayed(hello)?.transport ?? this.#options.transport
    const transport = endpoint === undefined ? carrier : 'shm'
    const heartbeat = agreeOnHeartbeat(this.#options, hello)
    return this.#connection.agreement({
      transport,
      heartbeat,
      peer,
      endpoint,
      fallbackReason,
      maxMessageBytes,
      connectionId: this.#connectionId,
      features: hello.features,
    })
  }
}
