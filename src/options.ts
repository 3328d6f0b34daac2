import type { Codec, CodecName } from './codec/codec.js'
import { decodedBytesDefault } from './codec/decode-budget.js'
import { ErrorCode, ShmwireError } from './errors.js'
import type { Peer } from './link/link.js'
import { nearest } from './nearest.js'
import { printable } from './printable.js'

/** Bounds for everything that waits. */
export interface WaitOptions {
  /** Ends the wait with `ERR_SHMWIRE_ABORTED`; the signal's reason is the error's `cause`. */
  signal?: AbortSignal | undefined
  /** Ends the wait with `ERR_SHMWIRE_TIMEOUT` after so many milliseconds. Default: no bound, unless the call says otherwise. */
  timeoutMs?: number | undefined
}

/** Where diagnostics go, one line each, with control characters escaped; `console` fits. */
export interface Logger {
  debug(message: string): void
  warn(message: string): void
}

/** Options that `listen` and `connect` share. */
export interface ChannelOptions {
  /** How values become bytes; both sides must name the same. Default `'msgpack'`. */
  codec?: CodecName | Codec | undefined
  /** Bytes of the ring this side writes into: a power of two from 64 KiB to 1 GiB. Default 1 MiB. A longer message travels in fragments. */
  ringBytes?: number | undefined
  /** Longest message in bytes, encoded; the smaller value of the two sides holds. 1 to 1 GiB. Default 64 MiB. */
  maxMessageBytes?: number | undefined
  /**
   * The most memory that decoding one message may take, in bytes, besides those of the message: a peer can make one byte into 100. What
   * needs more is `ERR_SHMWIRE_CODEC`, and ends the channel. Each value is charged by its kind, rather too much than too little:
   * an object 64 and 96 a key (24 and 8 a key where objects with these keys come often in `msgpack`), an array 48 and 8 an element, a text 24 and up to 2 a byte,
   * a number that is not an integer of 32 bits 16.
   * 1 MiB to 64 GiB. Default: 1 GiB, or 8 times `maxMessageBytes` where that is more, but at most half of this thread's heap
   * (`v8.getHeapStatistics().heap_size_limit`) and at least 64 MiB. Holds for `msgpack` and `json`; `v8` cannot be stopped.
   */
  maxDecodedBytes?: number | undefined
  /**
   * What a reader does when its ring is empty. `'adaptive'` polls for a bounded time that it learns from the
   * traffic, then sleeps; `'sleep'` never polls; `'spin'` polls for ever and wants a core of its own. Default `'adaptive'`.
   */
  wait?: WaitMode | undefined
  /**
   * The longest that `'adaptive'` polls an empty ring before it sleeps, in microseconds, 0 to 1,000,000; ten times as long while the
   * peer has sent a part of a message, or has a full ring to read. Default 100.
   */
  spinMicros?: number | undefined
  /**
   * For codec `'bytes'`, over shared memory: a listener of `message` or `messages` gets large and small messages where they lie, in the
   * peer's ring, without a copy. Such a Buffer is good until the listener returns, then it holds other messages; it must
   * not be written to (the memory is read-only: the process would end), and a peer that breaks the rules may change it
   * meanwhile. `trySend` copies it at once, and so does `send` where it has to wait; nothing else that goes on after the listener may be
   * given it. The ring's room is given back after the listener, so a slow one slows the sender, and a blocking call from inside
   * one, or from inside a handler, throws `INVALID_ARGUMENT`. Messages longer than an eighth of
   * the peer's ring, loops, blocking calls, requests and replies get copies as ever, and so does every message where the
   * runtime allows no view of foreign memory (Electron), or over another link. Default false.
   */
  views?: boolean | undefined
  /** `'shm'` fails where shared memory cannot be had, `'socket'` never tries it. Default `'auto'`: shared memory, else the socket, with the reason in `channel.fallbackReason`. */
  transport?: TransportChoice | undefined
  /**
   * Whether to talk to this peer. Default: the same user only, where the addon can ask the kernel. A user that the kernel
   * cannot name in this user namespace has the `uid` undefined and is not `verified`.
   */
  allow?: ((peer: Peer) => boolean) | undefined
  /** Receives notes on fallbacks and refused peers. Default: none. `NODE_DEBUG=shmwire` writes the same lines to stderr. */
  logger?: Logger | undefined
}

export type WaitMode = 'adaptive' | 'sleep' | 'spin'
export type TransportChoice = 'auto' | 'shm' | 'socket'

/** The options with every default filled in. */
export interface Settings {
  readonly codec: CodecName | Codec
  readonly ringBytes: number
  readonly maxMessageBytes: number
  readonly maxDecodedBytes: number
  readonly wait: WaitMode
  readonly spinMicros: number
  readonly views: boolean
  readonly transport: TransportChoice
  readonly allow: ((peer: Peer) => boolean) | undefined
  readonly logger: Logger | undefined
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
const SPIN_MICROS_MAX = 1_000_000
const SPIN_MICROS_DEFAULT = 100

const CODEC_NAMES: readonly string[] = ['msgpack', 'json', 'bytes', 'v8'] satisfies CodecName[]
const WAIT_MODES: readonly string[] = ['adaptive', 'sleep', 'spin'] satisfies WaitMode[]
const TRANSPORT_CHOICES: readonly string[] = ['auto', 'shm', 'socket'] satisfies TransportChoice[]
const UNBOUNDED: WaitOptions = {}
/** Of `connect` and `listen`. */
export const OPTION_NAMES: readonly string[] = [
  'codec',
  'ringBytes',
  'maxMessageBytes',
  'maxDecodedBytes',
  'wait',
  'spinMicros',
  'views',
  'transport',
  'allow',
  'logger',
  'signal',
  'timeoutMs',
]

/** Checks the options and fills in the defaults. Throws `INVALID_ARGUMENT`, for an unknown name too. */
export function resolveOptions(options: ChannelOptions & WaitOptions = {}): Settings {
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name)) throw unknownOption(name, OPTION_NAMES)
  }
  checkWaitOptions(options)
  const {
    codec = 'msgpack',
    ringBytes: ring = RING_BYTES_DEFAULT,
    maxMessageBytes = MESSAGE_BYTES_DEFAULT,
  } = options
  const { wait = 'adaptive', spinMicros = SPIN_MICROS_DEFAULT, transport = 'auto' } = options
  const ringBytes = integer('ringBytes', ring, RING_BYTES_MIN, RING_BYTES_MAX)
  // Integers up to 2^30 are exact in 32 bits, so the bit test is sound here.
  if ((ringBytes & (ringBytes - 1)) !== 0) throw invalid('ringBytes', ringBytes, 'a power of two')
  const messageBytes = integer('maxMessageBytes', maxMessageBytes, 1, MESSAGE_BYTES_MAX)
  const { maxDecodedBytes = decodedBytesDefault(messageBytes) } = options
  return {
    codec: codecOption(codec),
    ringBytes,
    maxMessageBytes: messageBytes,
    maxDecodedBytes: integer('maxDecodedBytes', maxDecodedBytes, DECODED_BYTES_MIN, DECODED_BYTES_MAX),
    wait: oneOf<WaitMode>('wait', wait, WAIT_MODES),
    spinMicros: integer('spinMicros', spinMicros, 0, SPIN_MICROS_MAX),
    views: viewsOption(options.views, codec),
    transport: oneOf<TransportChoice>('transport', transport, TRANSPORT_CHOICES),
    allow: functionOption('allow', options.allow),
    logger: loggerOption(options.logger),
  }
}

/** Throws `INVALID_ARGUMENT` unless `signal` and `timeoutMs` are of their form; returns them, because to read them again may give others. */
export function checkWaitOptions(options: WaitOptions | undefined): WaitOptions {
  if (options === undefined) return UNBOUNDED
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
  const { signal, timeoutMs } = options
  if (signal !== undefined && !isAbortSignal(signal)) throw invalid('signal', signal, 'an AbortSignal')
  checkTimeout(timeoutMs)
  return { signal, timeoutMs }
}

/** Throws `INVALID_ARGUMENT` unless `timeoutMs` is of its form. */
export function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs !== undefined) integer('timeoutMs', timeoutMs, 0, TIMEOUT_MS_MAX)
}

/** By its form: a signal from another realm (a vm context, a test runner) is no instance of our AbortSignal. */
function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null
  return (
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  )
}

/** setTimeout holds its delay in 31 bits; a longer one would fire at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** An `INVALID_ARGUMENT` for a value: what was passed, and what is expected. */
export function invalid(name: string, value: unknown, expected: string): ShmwireError {
  return new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${name} is ${show(value)}; it must be ${expected}`)
}

/** An `INVALID_ARGUMENT` for a call at the wrong time, or for options that exclude each other. */
export function misuse(message: string): ShmwireError {
  return new ShmwireError(ErrorCode.INVALID_ARGUMENT, message)
}

/** An `INVALID_ARGUMENT` that suggests the nearest name. */
export function unknownOption(name: string, names: readonly string[]): ShmwireError {
  const near = nearest(name, names)
  const remedy = near === undefined ? `the options are ${names.join(', ')}` : `did you mean ${show(near)}?`
  return misuse(`unknown option ${show(name)}; ${remedy}`)
}

const SHOWN_CHARACTERS_MAX = 80

/** A value for a message: strings are quoted, long texts cut, hidden characters escaped. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  return printable(describe(value), SHOWN_CHARACTERS_MAX)
}

function quote(text: string): string {
  if (text.length <= SHOWN_CHARACTERS_MAX) return printable(JSON.stringify(text))
  // Cut first: the text may be as long as a message.
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

function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, value, `an integer from ${min} to ${max}`)
  }
  return value
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

function viewsOption(value: boolean = false, codec: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid('views', value, 'true or false')
  // Other codecs would read what the peer may be changing.
  if (value && codec !== 'bytes') throw misuse(`views: true needs codec 'bytes'; the codec is ${show(codec)}`)
  return value
}

function codecOption(value: unknown): CodecName | Codec {
  if (typeof value === 'string') return oneOf<CodecName>('codec', value, CODEC_NAMES)
  const codec = value as Codec
  const whole =
    typeof value === 'object' &&
    value !== null &&
    typeof codec.encode === 'function' &&
    typeof codec.decode === 'function'
  if (!whole)
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

function loggerOption(value: unknown): Logger | undefined {
  if (value === undefined) return undefined
  const logger = value as Logger
  if (typeof logger?.debug !== 'function' || typeof logger?.warn !== 'function') {
    throw invalid('logger', value, 'an object with the methods debug and warn')
  }
  return logger
}
