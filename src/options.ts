import type { ConnectionOptions, TlsOptions as ServerTlsOptions } from 'node:tls'
import type { Codec, CodecName } from './codec/codec.js'
import { decodedBytesDefault } from './codec/decode-budget.js'
import { ErrorCode, ShmwireError } from './errors.js'
import type { Logger } from './log/logger.js'
import { nearest } from './nearest.js'
import type { Peer } from './peer.js'
import { printable } from './printable.js'
import type { MessageSchema } from './schema/schema.js'

/** Limits of a wait. */
export interface WaitOptions {
  /** Ends the wait with `ERR_SHMWIRE_ABORTED`; the signal's reason is the error's `cause`. */
  signal?: AbortSignal | undefined
  /** Ends the wait with `ERR_SHMWIRE_TIMEOUT` after so many milliseconds. Default: no limit, unless the call has its own. */
  timeoutMs?: number | undefined
}

/** The options of `listen` and `connect`. */
export interface ChannelOptions {
  /** Turns values into bytes. Both sides must use a codec with the same name. Default `'msgpack'`. */
  codec?: CodecName | Codec | undefined
  /**
   * The form of the messages and requests that the peer sends: a schema that implements Standard Schema 1.1 and validates at once, or a JSON
   * Schema. Listeners, loops and the handler get its result. A message of another form ends the channel with `ERR_SHMWIRE_CODEC`, and a
   * request of another form fails with it; the `cause` of the error names the fields. Default: any message. Services have contracts instead.
   */
  schema?: MessageSchema | undefined
  /**
   * The size of the ring that this side writes to: a power of two from 64 KiB to 1 GiB. Longer messages travel in fragments. Over shared
   * memory, a ring begins with 64 KiB, and grows to its size once, when a message finds no room. Default 1 MiB.
   */
  ringBytes?: number | undefined
  /** The longest encoded message, in bytes. The smaller value of the two sides applies. 1 to 1 GiB. Default 64 MiB. */
  maxMessageBytes?: number | undefined
  /**
   * The most memory that decoding one message may use, in bytes, without the message: one byte of a message can need 100 bytes. A message
   * that needs more is `ERR_SHMWIRE_CODEC` and ends the channel. Each value is charged by its type, with upper bounds: an object 64 and 96
   * for each key (24 and 8 for frequent shapes in `msgpack`), an array 48 and 8 for each element, a text 24 and up to 2 for each byte, a
   * number other than a 32-bit integer 16.
   * 1 MiB to 64 GiB. Default: 1 GiB, or 8 times `maxMessageBytes` if that is more, but at most half of the heap of this thread
   * (`v8.getHeapStatistics().heap_size_limit`) and at least 64 MiB. Applies to `msgpack` and `json`; `v8` cannot be stopped.
   */
  maxDecodedBytes?: number | undefined
  /**
   * The most memory that `send` and `request` may use for calls that wait for room, in bytes; each call counts 64 more than its message.
   * A further call then rejects with `ERR_SHMWIRE_BACKLOG`; `stats().outboxBytes` is the current value. 0 or more. Default: no limit.
   */
  maxOutboxBytes?: number | undefined
  /**
   * How a reader waits while its ring is empty. `'adaptive'` polls for a limited time that it derives from the traffic, then sleeps.
   * `'sleep'` never polls. `'spin'` polls for ever and needs a core of its own. Default `'adaptive'`.
   */
  wait?: WaitMode | undefined
  /**
   * The longest time that `'adaptive'` polls an empty ring before it sleeps, in microseconds, 0 to 1,000,000. It is ten times as long while
   * a message is incomplete or the peer reads a full ring. Default 100.
   */
  spinMicros?: number | undefined
  /**
   * For codec `'bytes'` over shared memory: listeners of `message` and `messages` get a Buffer over the peer's ring instead of a copy. The
   * Buffer is valid until the listener returns; then it holds other messages. Do not write to it: the memory is read-only, and a write ends
   * the process. A peer that breaks the protocol can change it meanwhile. You can pass it to `trySend` and `send`, which copy it if
   * necessary. Copy it before you pass it to anything that continues after the listener. The room in the ring is released after the
   * listener, so a slow listener slows the sender. A blocking call from inside a listener or a handler throws `INVALID_STATE`. Loops,
   * blocking calls, requests and replies get copies, and so does every message that is longer than an eighth of the peer's ring, that
   * arrives over the socket, or in a runtime without views of foreign memory (Electron). Default false.
   */
  views?: boolean | undefined
  /** `'auto'`: shared memory, else the socket, with the reason in `channel.fallbackReason`. `'shm'` fails instead, `'socket'` never uses it. Default `'auto'`. */
  transport?: TransportChoice | undefined
  /**
   * Decides whether to accept a peer; only exactly `true` does. Default: peers of the same user, if the addon can ask the kernel, and over TLS
   * peers with a verified certificate. Required for `tcp://`, where nothing identifies the peer. A user that this user namespace does not map
   * has an undefined `uid` and is not `verified`.
   */
  authorize?: ((peer: Peer) => boolean) | undefined
  /** Accept `tcp://` addresses beyond this machine, whose messages every host on the way can read and change. Default false. */
  insecure?: boolean | undefined
  /**
   * For `tls://`: the options of node:tls, such as `cert`, `key`, `ca` and `servername`. Both sides verify the certificate of the other, unless
   * `requestCert` or `rejectUnauthorized` is false. Default: none.
   */
  tls?: TlsOptions | undefined
  /** How this side notices a peer that the kernel does not report as gone. Default every 5 s, and 15 s of silence. */
  heartbeat?: HeartbeatOptions | undefined
  /** Receives a line for each channel, refused peer and fault. Default: none. `NODE_DEBUG=shmwire` writes the same lines to stderr. */
  logger?: Logger | undefined
}

/** The options of `tls.createServer` and `tls.connect`, without those of the connection itself. */
export type TlsOptions = Omit<
  ServerTlsOptions & ConnectionOptions,
  'allowHalfOpen' | 'host' | 'path' | 'pauseOnConnect' | 'port' | 'socket'
>

/** Over TCP, TLS and streams, the end of a peer can go unreported. Each side then sends a sign of life, and waits for those of the peer. */
export interface HeartbeatOptions {
  /** The longest time without a record that this side sends, in milliseconds. 10 to 3,600,000. Default 5,000. */
  intervalMs?: number | undefined
  /** The peer is gone after so many milliseconds without a byte from it. At least twice `intervalMs`, at most 86,400,000. Default 15,000. */
  timeoutMs?: number | undefined
}

export type WaitMode = 'adaptive' | 'sleep' | 'spin'
export type TransportChoice = 'auto' | 'shm' | 'socket'

/** The options with all defaults. */
export interface Settings {
  readonly codec: CodecName | Codec
  readonly schema: MessageSchema | undefined
  readonly ringBytes: number
  readonly maxMessageBytes: number
  readonly maxDecodedBytes: number
  readonly maxOutboxBytes: number | undefined
  readonly wait: WaitMode
  readonly spinMicros: number
  readonly views: boolean
  readonly transport: TransportChoice
  readonly authorize: ((peer: Peer) => boolean) | undefined
  readonly insecure: boolean
  readonly tls: TlsOptions | undefined
  readonly heartbeat: Heartbeat
  readonly logger: Logger | undefined
}

/** See HeartbeatOptions. */
export interface Heartbeat {
  readonly intervalMs: number
  readonly timeoutMs: number
}

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

export const RING_BYTES_MIN = 64 * KIB
export const RING_BYTES_MAX = GIB
const RING_BYTES_DEFAULT = MIB
export const MESSAGE_BYTES_MAX = GIB
const MESSAGE_BYTES_DEFAULT = 64 * MIB
const DECODED_BYTES_MIN = MIB
const DECODED_BYTES_MAX = 64 * GIB
const OUTBOX_BYTES_MAX = 64 * GIB
const SPIN_MICROS_MAX = 1_000_000
const SPIN_MICROS_DEFAULT = 100
/** Shorter ones would cost more than they find. */
const HEARTBEAT_MS_MIN = 10
const HEARTBEAT_MS_MAX = 3_600_000
const HEARTBEAT_MS_DEFAULT = 5_000
export const HEARTBEAT_TIMEOUT_MS_MAX = 86_400_000
/** As a factor of the interval: one late sign of life must not end a channel. */
const HEARTBEAT_TIMEOUTS_MIN = 2
export const HEARTBEAT_TIMEOUT_MS_MIN = HEARTBEAT_TIMEOUTS_MIN * HEARTBEAT_MS_MIN
const HEARTBEAT_TIMEOUTS_DEFAULT = 3

const CODEC_NAMES: readonly string[] = ['msgpack', 'json', 'bytes', 'v8'] satisfies CodecName[]
const WAIT_MODES: readonly string[] = ['adaptive', 'sleep', 'spin'] satisfies WaitMode[]
const TRANSPORT_CHOICES: readonly string[] = ['auto', 'shm', 'socket'] satisfies TransportChoice[]
const UNBOUNDED: WaitOptions = {}
const WAIT_OPTION_NAMES: readonly string[] = ['signal', 'timeoutMs'] satisfies (keyof WaitOptions)[]
/** The names of the options of `connect` and `listen`. */
export const OPTION_NAMES: readonly string[] = [
  'codec',
  'schema',
  'ringBytes',
  'maxMessageBytes',
  'maxDecodedBytes',
  'maxOutboxBytes',
  'wait',
  'spinMicros',
  'views',
  'transport',
  'authorize',
  'insecure',
  'tls',
  'heartbeat',
  'logger',
  'signal',
  'timeoutMs',
]

/** Checks the options and adds the defaults. Throws `INVALID_ARGUMENT`, also for a name that is not in `names`. */
export function resolveOptions(
  options: ChannelOptions & WaitOptions = {},
  names: readonly string[] = OPTION_NAMES,
): Settings {
  checkWaitOptions(options, names)
  const {
    codec = 'msgpack',
    ringBytes: ring = RING_BYTES_DEFAULT,
    maxMessageBytes = MESSAGE_BYTES_DEFAULT,
  } = options
  const { wait = 'adaptive', spinMicros = SPIN_MICROS_DEFAULT, transport = 'auto' } = options
  const ringBytes = integer('ringBytes', ring, RING_BYTES_MIN, RING_BYTES_MAX)
  // Integers up to 2^30 are exact in 32 bits, so this bit test is correct.
  if ((ringBytes & (ringBytes - 1)) !== 0) throw invalid('ringBytes', ringBytes, 'a power of two')
  const messageBytes = integer('maxMessageBytes', maxMessageBytes, 1, MESSAGE_BYTES_MAX)
  const { maxDecodedBytes = decodedBytesDefault(messageBytes) } = options
  return {
    codec: codecOption(codec),
    schema: options.schema,
    ringBytes,
    maxMessageBytes: messageBytes,
    maxDecodedBytes: integer('maxDecodedBytes', maxDecodedBytes, DECODED_BYTES_MIN, DECODED_BYTES_MAX),
    maxOutboxBytes: outboxOption(options.maxOutboxBytes),
    wait: oneOf<WaitMode>('wait', wait, WAIT_MODES),
    spinMicros: integer('spinMicros', spinMicros, 0, SPIN_MICROS_MAX),
    views: viewsOption(options.views, codec),
    transport: oneOf<TransportChoice>('transport', transport, TRANSPORT_CHOICES),
    authorize: functionOption('authorize', options.authorize),
    insecure: booleanOption('insecure', options.insecure),
    tls: tlsOption(options.tls),
    heartbeat: heartbeatOption(options.heartbeat),
    logger: loggerOption(options.logger),
  }
}

/**
 * Throws `INVALID_ARGUMENT` unless `signal` and `timeoutMs` are valid and all names are in `names`. Returns the two, because
 * accessors could return others later.
 */
export function checkWaitOptions(
  options: WaitOptions | undefined,
  names: readonly string[] = WAIT_OPTION_NAMES,
): WaitOptions {
  if (options === undefined) return UNBOUNDED
  checkOptionNames(options, names)
  const { signal, timeoutMs } = options
  if (signal !== undefined && !isAbortSignal(signal)) throw invalid('signal', signal, 'an AbortSignal')
  checkTimeout(timeoutMs)
  return { signal, timeoutMs }
}

/** Throws `INVALID_ARGUMENT` unless `options` is an object whose names are all in `names`. `place`: its name for errors. */
export function checkOptionNames(options: unknown, names: readonly string[], place = 'options'): void {
  if (typeof options !== 'object' || options === null) throw invalid(place, options, 'an object')
  for (const name of Object.keys(options)) if (!names.includes(name)) throw unknownOption(name, names)
}

/** Throws `INVALID_ARGUMENT` unless `timeoutMs` is valid. */
export function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs !== undefined) integer('timeoutMs', timeoutMs, 0, TIMEOUT_MS_MAX)
}

/** Checks the members, because a signal of another realm (a vm context, a test runner) is not an instance of AbortSignal. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null
  return (
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  )
}

/** setTimeout has 31 bits for its delay; a longer one would fire at once. */
export const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** An `INVALID_ARGUMENT` with the value and the expected form. */
export function invalid(name: string, value: unknown, expected: string): ShmwireError {
  return new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${name} is ${show(value)}; it must be ${expected}`)
}

/** An `INVALID_ARGUMENT` for options that exclude each other or this channel. */
export function misuse(message: string): ShmwireError {
  return new ShmwireError(ErrorCode.INVALID_ARGUMENT, message)
}

/** An `INVALID_STATE`: the message says what to do first. */
export function wrongTime(message: string): ShmwireError {
  return new ShmwireError(ErrorCode.INVALID_STATE, message)
}

/** The options that one function has and the others lack. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ['whenInUse', 'listen'],
  ['backOff', 'keepConnected'],
])

/** An `INVALID_ARGUMENT` that names the function that has the option, or suggests the nearest name. */
export function unknownOption(name: string, names: readonly string[]): ShmwireError {
  const owner = OWNERS.get(name)
  if (owner !== undefined) return misuse(`${show(name)} is an option of ${owner} only`)
  const near = nearest(name, names)
  const remedy = near === undefined ? `the options are ${names.join(', ')}` : `did you mean ${show(near)}?`
  return misuse(`unknown option ${show(name)}; ${remedy}`)
}

const SHOWN_CHARACTERS_MAX = 80

/** Formats a value for a message: quotes strings, cuts long texts, escapes hidden characters. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  return printable(describe(value), SHOWN_CHARACTERS_MAX)
}

function quote(text: string): string {
  if (text.length <= SHOWN_CHARACTERS_MAX) return printable(JSON.stringify(text))
  // Cut first, because the text can be as long as a message.
  const beginning = printable(JSON.stringify(text.slice(0, SHOWN_CHARACTERS_MAX)))
  return `${beginning}… (${text.length} characters)`
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'object') return Object.prototype.toString.call(value)
  if (typeof value === 'function') return 'a function'
  // oxlint-disable-next-line typescript/no-base-to-string -- only primitives are left
  return String(value)
}

/** Throws `INVALID_ARGUMENT` unless the value is an integer within the bounds. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, value, `an integer from ${min} to ${max}`)
  }
  return value
}

function outboxOption(value: unknown): number | undefined {
  return value === undefined ? undefined : integer('maxOutboxBytes', value, 0, OUTBOX_BYTES_MAX)
}

function oneOf<T extends string>(name: string, value: unknown, names: readonly string[]): T {
  if (typeof value !== 'string' || !names.includes(value))
    throw invalid(name, value, `one of ${names.join(', ')}`)
  return value as T
}

function functionOption<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, value, 'a function')
  return value
}

export function booleanOption(name: string, value: unknown = false): boolean {
  if (typeof value !== 'boolean') throw invalid(name, value, 'true or false')
  return value
}

function tlsOption(value: TlsOptions | undefined): TlsOptions | undefined {
  if (value !== undefined && (typeof value !== 'object' || value === null))
    throw invalid('tls', value, 'an object with options of node:tls')
  return value
}

function heartbeatOption(value: HeartbeatOptions = {}): Heartbeat {
  if (typeof value !== 'object' || value === null) throw invalid('heartbeat', value, 'an object')
  for (const name of Object.keys(value))
    if (name !== 'intervalMs' && name !== 'timeoutMs')
      throw unknownOption(`heartbeat.${name}`, ['heartbeat.intervalMs', 'heartbeat.timeoutMs'])
  const { intervalMs: interval = HEARTBEAT_MS_DEFAULT } = value
  const intervalMs = integer('heartbeat.intervalMs', interval, HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX)
  const { timeoutMs = HEARTBEAT_TIMEOUTS_DEFAULT * intervalMs } = value
  const timeoutMsMin = HEARTBEAT_TIMEOUTS_MIN * intervalMs
  return {
    intervalMs,
    timeoutMs: integer('heartbeat.timeoutMs', timeoutMs, timeoutMsMin, HEARTBEAT_TIMEOUT_MS_MAX),
  }
}

function viewsOption(given: boolean | undefined, codec: unknown): boolean {
  const value = booleanOption('views', given)
  // Other codecs would read memory that the peer can change at the same time.
  if (value && codec !== 'bytes') throw misuse(`views: true needs codec 'bytes'; the codec is ${show(codec)}`)
  return value
}

/** Throws `INVALID_ARGUMENT` unless it is a codec or the name of one. */
export function codecOption(value: unknown): CodecName | Codec {
  if (typeof value === 'string') return oneOf<CodecName>('codec', value, CODEC_NAMES)
  const codec = value as Codec
  const isComplete =
    typeof value === 'object' &&
    value !== null &&
    typeof codec.encode === 'function' &&
    typeof codec.decode === 'function'
  if (!isComplete)
    throw invalid(
      'codec',
      value,
      `one of ${CODEC_NAMES.join(', ')}, or an object with name, encode and decode`,
    )
  if (typeof codec.name !== 'string' || codec.name.length < 1 || codec.name.length > 64) {
    throw invalid('codec.name', codec.name, 'a string of 1 to 64 characters')
  }
  return codec
}

export function loggerOption(value: unknown): Logger | undefined {
  if (value === undefined) return undefined
  const logger = value as Logger
  for (const level of ['debug', 'warn', 'error'] as const)
    if (typeof logger?.[level] !== 'function')
      throw invalid('logger', value, 'an object with the methods debug, warn and error')
  return logger
}
