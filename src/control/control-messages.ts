/** The JSON payloads of the handshake (docs/protocol.md, "Messages"). Every member is input from the peer and is checked. */
import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { ErrorCode, ShmwireError } from '../errors.js'
import { checkIdentity } from '../identity.js'
import {
  HEARTBEAT_TIMEOUT_MS_MAX,
  HEARTBEAT_TIMEOUT_MS_MIN,
  MESSAGE_BYTES_MAX,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  show,
  type TransportChoice,
} from '../options.js'
import type { Identity } from '../peer.js'
import { printable } from '../printable.js'
import type { TunnelTransport } from '../transport.js'
import { textOfThrown } from '../uncaught.js'

export interface Hello {
  readonly features: readonly string[]
  readonly codec: string
  readonly maxMessageBytes: number
  readonly ringBytes: number
  readonly transport: TransportChoice
  /** True, or the reason why the client has no shared memory. */
  readonly shm: true | string
  readonly pid: number
  /** The sender gives up a peer that is silent for so long. Absent: it needs no signs of life, and sends none. */
  readonly heartbeatTimeoutMs?: number | undefined
  /** Over a stream: both sides state one, and use the smaller one. 16 hexadecimal digits. */
  readonly connectionId?: string | undefined
  /** The sender is a gateway, and passes on what this client sends. */
  readonly relayed?: RelayedClient | undefined
}

/** A client behind a gateway, which passes its bytes to the server. */
export interface RelayedClient {
  /** Between the client and the gateway. */
  readonly transport: TunnelTransport
  /** The IP address of the client, if the gateway knows it. */
  readonly address?: string | undefined
  /** The identity of the client, if the gateway has found one. */
  readonly identity?: Identity | undefined
}

export interface Offer {
  readonly features: readonly string[]
  readonly codec: string
  readonly maxMessageBytes: number
  readonly ringBytes: number
  readonly transport: 'shm' | 'socket'
  /** With `'shm'`: 32 hexadecimal digits. */
  readonly token?: string
  /** With `'shm'`: whether the socket replaces it after a failure. */
  readonly mayFallBack?: boolean
  /** With `'socket'`: the reason. */
  readonly reason?: string
  readonly pid: number
  /** The sender gives up a peer that is silent for so long. Absent: it needs no signs of life, and sends none. */
  readonly heartbeatTimeoutMs?: number | undefined
  /** For the logs of both sides. 16 hexadecimal digits. */
  readonly connectionId?: string | undefined
}

const FEATURES_MAX = 64
const NAME_CHARACTERS_MAX = 64
/** For reasons and messages. A sender cuts longer ones. */
export const TEXT_CHARACTERS_MAX = 1024
export const PID_MAX = 2 ** 31 - 1
const ERROR_CODES: ReadonlySet<string> = new Set(Object.values(ErrorCode))

/** The members of one message. Errors contain the name of the frame. */
export class Members {
  readonly #frame: string
  readonly #members: Record<string, unknown>

  /** Throws `CORRUPT` unless the payload is a JSON object. */
  constructor(frame: string, payload: Buffer) {
    this.#frame = frame
    const value = parseJson(frame, payload)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw corrupt(`the payload of the peer's ${frame} is ${show(value)}; it must be a JSON object`)
    }
    this.#members = value as Record<string, unknown>
  }

  text(name: string, charactersMin: number, charactersMax: number): string {
    const value = this.get(name)
    if (typeof value === 'string' && value.length >= charactersMin && value.length <= charactersMax)
      return value
    throw this.fault(name, `a string of ${charactersMin} to ${charactersMax} characters`)
  }

  /** A reason, which can become part of a log or of another message. */
  sentence(name: string): string {
    return printable(this.text(name, 1, TEXT_CHARACTERS_MAX))
  }

  integer(name: string, min: number, max: number): number {
    const value = this.get(name)
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value + 0 // JSON has a -0, which would differ from 0.
    throw this.fault(name, `an integer from ${min} to ${max}`)
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const found = values.find((value) => value === this.get(name))
    if (found === undefined) throw this.fault(name, `one of ${values.join(', ')}`)
    return found
  }

  get(name: string): unknown {
    // Without inherited members.
    return Object.hasOwn(this.#members, name) ? this.#members[name] : undefined
  }

  fault(name: string, expected: string): ShmwireError {
    return corrupt(`${name} of the peer's ${this.#frame} is ${show(this.get(name))}; it must be ${expected}`)
  }
}

export function readHello(payload: Buffer): Hello {
  const members = new Members('HELLO', payload)
  return {
    ...readCommon(members),
    transport: members.oneOf('transport', ['auto', 'shm', 'socket']),
    shm: members.get('shm') === true ? true : members.sentence('shm'),
    relayed: readRelayed(members),
  }
}

function readRelayed(members: Members): RelayedClient | undefined {
  const value = members.get('relayed')
  if (value === undefined) return undefined
  const { transport, address, identity } = (value ?? {}) as Partial<Record<keyof RelayedClient, unknown>>
  const isAddress = address === undefined || (typeof address === 'string' && isIP(address) !== 0)
  const fault = members.fault(
    'relayed',
    "an object with transport 'grpc' or 'ws' and, if they are known, an IP address and an identity",
  )
  if ((transport !== 'grpc' && transport !== 'ws') || !isAddress) throw fault
  if (identity === undefined) return { transport, address }
  try {
    return { transport, address, identity: checkIdentity(identity) }
  } catch {
    throw fault
  }
}

export function readOffer(payload: Buffer): Offer {
  const members = new Members('OFFER', payload)
  const common = readCommon(members)
  const transport = members.oneOf('transport', ['shm', 'socket'])
  if (transport === 'socket') return { ...common, transport, reason: members.sentence('reason') }
  const token = members.get('token')
  if (typeof token !== 'string' || !/^[0-9a-f]{32}$/.test(token)) {
    throw members.fault('token', '32 hexadecimal digits')
  }
  const mayFallBack = members.get('mayFallBack') ?? true
  if (typeof mayFallBack !== 'boolean') throw members.fault('mayFallBack', 'true or false')
  return { ...common, transport, token, mayFallBack }
}

/** The error in a REJECT of the peer. */
export function readReject(payload: Buffer): ShmwireError {
  const members = new Members('REJECT', payload)
  const code = members.text('code', 1, NAME_CHARACTERS_MAX)
  const message = `the peer refused: ${members.text('message', 0, TEXT_CHARACTERS_MAX)}`
  // A later version can have more codes.
  if (!ERROR_CODES.has(code)) return new ShmwireError(ErrorCode.DENIED, `${message} (${code})`)
  return new ShmwireError(code as ErrorCode, message)
}

export function readSocketReason(payload: Buffer): string {
  return new Members('SOCKET', payload).sentence('reason')
}

/** Cuts a reason to the maximum of the protocol. */
export function clip(text: string): string {
  return text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX - 1)}…` : text
}

function readCommon(members: Members): Omit<Hello, 'transport' | 'shm'> {
  const ringBytes = members.integer('ringBytes', RING_BYTES_MIN, RING_BYTES_MAX)
  if ((ringBytes & (ringBytes - 1)) !== 0) throw members.fault('ringBytes', 'a power of two')
  return {
    features: readFeatures(members),
    codec: members.text('codec', 1, NAME_CHARACTERS_MAX),
    maxMessageBytes: members.integer('maxMessageBytes', 1, MESSAGE_BYTES_MAX),
    ringBytes,
    pid: members.integer('pid', 1, PID_MAX),
    heartbeatTimeoutMs: readHeartbeat(members),
    connectionId: readConnectionId(members),
  }
}

/** For the logs of both sides. It is not a secret, and proves nothing. */
export function newConnectionId(): string {
  return randomBytes(8).toString('hex')
}

function readConnectionId(members: Members): string | undefined {
  const id = members.get('connectionId')
  if (id === undefined) return undefined
  if (typeof id === 'string' && /^[0-9a-f]{16}$/.test(id)) return id
  throw members.fault('connectionId', '16 hexadecimal digits')
}

function readHeartbeat(members: Members): number | undefined {
  if (members.get('heartbeatTimeoutMs') === undefined) return undefined
  return members.integer('heartbeatTimeoutMs', HEARTBEAT_TIMEOUT_MS_MIN, HEARTBEAT_TIMEOUT_MS_MAX)
}

function readFeatures(members: Members): string[] {
  const value = members.get('features')
  const isName = (item: unknown): item is string =>
    typeof item === 'string' && item.length >= 1 && item.length <= NAME_CHARACTERS_MAX
  if (Array.isArray(value) && value.length <= FEATURES_MAX && value.every(isName)) return value
  throw members.fault(
    'features',
    `an array of at most ${FEATURES_MAX} strings of 1 to ${NAME_CHARACTERS_MAX} characters`,
  )
}

function parseJson(frame: string, payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch (error) {
    // The message of this error quotes the payload, so it must not become the cause.
    throw corrupt(`the payload of the peer's ${frame} is not JSON: ${textOfThrown(error)}`)
  }
}

function corrupt(message: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, message)
}
