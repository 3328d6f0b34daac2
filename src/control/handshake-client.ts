/**
 * The client's side of the handshake. docs/protocol.md has the state tables.
 *
 *   preamble, HELLO →            ← preamble, OFFER
 *   socket:  READY →
 *   shm:     (HANDOVER_FULL → ← HANDOVER_READY)*  HANDLES →  ← READY  READY →
 */
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { NativeEndpoint } from '../native/binding.js'
import { memoryFault } from '../native/load-binding.js'
import type { Peer } from '../peer.js'
import type { Agreement } from '../wire/agreement.js'
import { FEATURES } from '../wire/features.js'
import { FrameKind } from '../wire/frames.js'
import { versionFault } from '../wire/preamble.js'
import { withTlsHint } from '../wire/tls-record.js'
import { admitPeer } from './admit-peer.js'
import { clip, type Offer, readOffer, readSocketReason } from './control-messages.js'
import { type EarlySegment, EarlySegments } from './early-segments.js'
import {
  CLIENT_HANDSHAKE_TIMEOUT_MS,
  type ClientHandshakeOptions,
  RECORDS_MAX,
  SLOT_BOUNDS,
} from './handshake.js'
import { type HandshakeConnection, runHandshake } from './handshake-connection.js'
import { agreeOnHeartbeat, heartbeatMembers } from './heartbeat-terms.js'
import type { IdentifiedPeer } from './identity.js'
import { callNative, NativeFailure } from './native-failure.js'

/** In each attempt the server empties the handover socket. Only a flood from other processes fills it so often. */
const HANDOVER_ATTEMPTS_MAX = 100

/** Of this thread. A server serves so many handshakes of a process at a time. Further ones wait, perhaps for long, and need no memory yet. */
const earlySegments = new EarlySegments(SLOT_BOUNDS.slotsPerOwner)

/**
 * Runs the client's side on a socket that is connected or still connecting. Rejects with a ShmwireError (`VERSION`, `DENIED`,
 * `INVALID_ARGUMENT`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`; `NOT_LISTENING` while it connects).
 * Then all resources are released, and the socket too.
 */
export function handshakeAsClient(socket: ByteStream, options: ClientHandshakeOptions): Promise<Agreement> {
  const bounds = { signal: options.signal, timeoutMs: options.timeoutMs ?? CLIENT_HANDSHAKE_TIMEOUT_MS }
  return runHandshake(socket, bounds, (connection) => new Client(connection, options).run(), options.place)
}

function tokenOf(offer: Offer): Buffer {
  return Buffer.from(offer.token ?? '', 'hex')
}

class Client {
  readonly #connection: HandshakeConnection
  readonly #options: ClientHandshakeOptions
  #early: EarlySegment | undefined
  #offered = false
  #endpoint: NativeEndpoint | undefined

  constructor(connection: HandshakeConnection, options: ClientHandshakeOptions) {
    this.#connection = connection
    this.#options = options
  }

  async run(): Promise<Agreement> {
    const connection = this.#connection
    connection.sendPreamble()
    this.#sendHello()
    if (this.#expectsMemory) connection.flushBefore(() => this.#createEarly())
    const fault = versionFault(await this.#preamble())
    if (fault !== undefined) throw fault
    const offer = readOffer((await connection.next([FrameKind.OFFER])).payload)
    this.#offered = true
    const identity = await this.#check(offer)
    if (offer.transport === 'socket') {
      this.#early?.release()
      connection.send(FrameKind.READY)
      return this.#agree(offer, identity.peer, undefined, offer.reason)
    }
    return this.#shareMemory(offer, identity)
  }

  async #preamble(): Promise<Buffer> {
    try {
      return await this.#connection.preamble()
    } catch (error) {
      throw this.#options.transport === 'tcp' ? withTlsHint(error) : error
    }
  }

  #sendHello(): void {
    const { settings, codecName, native } = this.#options
    const fault = memoryFault(native)
    this.#connection.send(FrameKind.HELLO, {
      features: FEATURES,
      codec: codecName,
      maxMessageBytes: settings.maxMessageBytes,
      ringBytes: settings.ringBytes,
      transport: settings.transport,
      shm: fault === undefined ? true : clip(fault),
      pid: process.pid,
      ...heartbeatMembers(this.#options),
    })
  }

  /** Throws unless the server is authorized and its offer fits the HELLO. */
  async #check(offer: Offer): Promise<IdentifiedPeer> {
    const { settings, codecName, native } = this.#options
    const identity = admitPeer(this.#connection, this.#options, offer.pid, await this.#identify())
    const contradicts =
      offer.codec !== codecName ||
      (offer.transport === 'shm' && (settings.transport === 'socket' || memoryFault(native) !== undefined)) ||
      (offer.transport === 'socket' && settings.transport === 'shm')
    if (contradicts) {
      throw new ShmwireError(
        ErrorCode.CORRUPT,
        `the server offers transport ${offer.transport} and codec ${JSON.stringify(offer.codec)}, which this side's HELLO rules out`,
      )
    }
    return identity
  }

  /** Where the socket does not identify the server. */
  async #identify(): Promise<IdentifiedPeer | undefined> {
    try {
      return await this.#options.identify?.()
    } catch (error) {
      throw this.#connection.refuse(error as ShmwireError)
    }
  }

  async #shareMemory(offer: Offer, identity: IdentifiedPeer): Promise<Agreement> {
    try {
      return await this.#mapBothSegments(offer, identity)
    } catch (failure) {
      if (!(failure instanceof NativeFailure)) throw failure
      return this.#fallBack(failure, offer, identity.peer)
    }
  }

  async #mapBothSegments(offer: Offer, { peer, credentials }: IdentifiedPeer): Promise<Agreement> {
    const connection = this.#connection
    const endpoint = this.#createEndpoint(offer)
    await this.#offerHandles(endpoint, offer)
    connection.send(FrameKind.HANDLES)
    const fallbackKinds = this.#mayFallBack(offer) ? [FrameKind.SOCKET] : []
    const answer = await connection.next([FrameKind.READY, ...fallbackKinds])
    if (answer.kind === FrameKind.SOCKET) {
      endpoint.close()
      connection.send(FrameKind.READY)
      return this.#agree(offer, peer, undefined, readSocketReason(answer.payload))
    }
    callNative("the server's segment cannot be mapped", () => endpoint.attachPeer(credentials))
    connection.send(FrameKind.READY)
    return this.#agree(offer, peer, endpoint, undefined)
  }

  /** Where memory has a name, it is the token of OFFER. */
  get #expectsMemory(): boolean {
    const { settings, native } = this.#options
    return (
      settings.transport !== 'socket' && memoryFault(native) === undefined && process.platform !== 'win32'
    )
  }

  /** While the server answers HELLO. Assumes that the server allows messages as long as this side does. */
  #createEarly(): void {
    // A server can answer before the write of HELLO has called back. Nothing would take the segment then.
    if (this.#offered) return
    const { maxMessageBytes } = this.#options.settings
    const early = earlySegments.create(() => this.#newEndpoint({ maxMessageBytes }))
    this.#early = early
    this.#connection.onFailure(() => early?.release())
  }

  #takeEarly(maxMessageBytes: number): NativeEndpoint | undefined {
    if (maxMessageBytes === this.#options.settings.maxMessageBytes) return this.#early?.take()
    this.#early?.release()
    return undefined
  }

  #createEndpoint(offer: Offer): NativeEndpoint {
    // An end of the handshake has released the early segment.
    this.#connection.assertOpen()
    const maxMessageBytes = this.#maxMessageBytes(offer)
    const terms = { maxMessageBytes, memoryId: tokenOf(offer) }
    const endpoint = this.#takeEarly(maxMessageBytes) ?? this.#newEndpoint(terms)
    this.#endpoint = endpoint
    this.#connection.onFailure(() => endpoint.close())
    return endpoint
  }

  #newEndpoint(terms: { readonly maxMessageBytes: number; readonly memoryId?: Uint8Array }): NativeEndpoint {
    const { settings, native } = this.#options
    return callNative('the client cannot create its segment', () => {
      if (!('binding' in native)) throw new Error(native.unavailable)
      const { ringBytes } = settings
      return new native.binding.Endpoint({ ringBytes, recordsMax: RECORDS_MAX, ...terms })
    })
  }

  async #offerHandles(endpoint: NativeEndpoint, offer: Offer): Promise<void> {
    const connection = this.#connection
    const token = tokenOf(offer)
    for (let attempt = 0; attempt < HANDOVER_ATTEMPTS_MAX; attempt += 1) {
      const sent = callNative('the client cannot transfer its segment', () =>
        endpoint.offerHandles(this.#options.handoverPath, token),
      )
      if (sent) return
      connection.send(FrameKind.HANDOVER_FULL)
      await connection.next([FrameKind.HANDOVER_READY])
    }
    const message = `the server's handover socket was full ${HANDOVER_ATTEMPTS_MAX} times in a row`
    throw new NativeFailure(new ShmwireError(ErrorCode.UNAVAILABLE, message))
  }

  #fallBack(failure: NativeFailure, offer: Offer, peer: Peer): Agreement {
    const connection = this.#connection
    this.#endpoint?.close()
    if (!failure.allowsFallback || !this.#mayFallBack(offer)) throw connection.refuse(failure.error)
    const reason = clip(failure.message)
    connection.send(FrameKind.SOCKET, { reason })
    return this.#agree(offer, peer, undefined, reason)
  }

  #mayFallBack(offer: Offer): boolean {
    return this.#options.settings.transport === 'auto' && offer.mayFallBack === true
  }

  #maxMessageBytes(offer: Offer): number {
    return Math.min(this.#options.settings.maxMessageBytes, offer.maxMessageBytes)
  }

  #agree(
    offer: Offer,
    peer: Peer,
    endpoint: NativeEndpoint | undefined,
    fallbackReason: string | undefined,
  ): Agreement {
    const maxMessageBytes = this.#maxMessageBytes(offer)
    const transport = endpoint === undefined ? this.#options.transport : 'shm'
    const heartbeat = agreeOnHeartbeat(this.#options, offer)
    return this.#connection.agreement({
      transport,
      heartbeat,
      peer,
      endpoint,
      fallbackReason,
      maxMessageBytes,
      connectionId: offer.connectionId,
      features: offer.features,
    })
  }
}
