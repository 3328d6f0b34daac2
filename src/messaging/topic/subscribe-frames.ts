/** The first messages of a subscription, as control messages: `subscribe` of the subscriber, and `welcome` of the topic. */
import { invalid } from '../../options.js'
import { type ControlFields, corrupt, encodeControl, readReason } from '../attach/control-frame.js'
import type { RingStart } from './ring.js'
import type { Overflow, SubscribeFrom } from './types.js'

/** Of this conversation. Both sides must have the same one. */
export const TOPIC_VERSION = 1
const EPOCH_CHARACTERS_MAX = 64
const CODEC_CHARACTERS_MAX = 64
const PLACES: readonly unknown[] = ['next', 'last', 'oldest'] satisfies SubscribeFrom[]
const OVERFLOWS: readonly unknown[] = ['lose', 'block', 'disconnect'] satisfies Overflow[]

export interface SubscribeFrame {
  readonly version: number
  readonly codec: string
  readonly from: SubscribeFrom
  /** Why the subscriber cannot read shared memory; undefined: it can. */
  readonly obstacle: string | undefined
}

export interface WelcomeFrame {
  readonly epoch: string
  readonly codec: string
  readonly overflow: Overflow
  /** Where a reader of shared memory begins. */
  readonly start: RingStart
  /** The epoch of `from` is not that of the publisher. */
  readonly isOtherEpoch: boolean
}

/** Throws `INVALID_ARGUMENT`. */
export function checkFrom(from: unknown = 'next'): SubscribeFrom {
  if (PLACES.includes(from) || isPosition(from)) return from as SubscribeFrom
  throw invalid(
    'from',
    from,
    "'next', 'last', 'oldest', or an object with the epoch and the sequence of a message",
  )
}

function isPosition(from: unknown): boolean {
  if (typeof from !== 'object' || from === null) return false
  const { epoch, sequence } = from as Record<string, unknown>
  return isEpoch(epoch) && Number.isSafeInteger(sequence) && (sequence as number) >= 0
}

function isEpoch(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= EPOCH_CHARACTERS_MAX
}

function isCodecName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= CODEC_CHARACTERS_MAX
}

export function encodeSubscribe({ version, codec, from, obstacle }: SubscribeFrame): Buffer {
  const position = typeof from === 'object' ? { epoch: from.epoch, sequence: from.sequence } : from
  return encodeControl({ version, codec, from: position, obstacle })
}

/** Throws `CORRUPT`. */
export function readSubscribe({ version, codec, from, obstacle }: ControlFields): SubscribeFrame {
  const isRight =
    typeof version === 'number' && isCodecName(codec) && (PLACES.includes(from) || isPosition(from))
  if (!isRight) throw corrupt('the subscriber', 'a first message without version, codec or from')
  return {
    version,
    codec,
    from: from as SubscribeFrom,
    obstacle: obstacle === undefined ? undefined : readReason(obstacle, 'the subscriber'),
  }
}

export function encodeWelcome(welcome: WelcomeFrame): Buffer {
  return encodeControl({ ...welcome })
}

/** Throws `CORRUPT`. */
export function readWelcome({ epoch, codec, overflow, start, isOtherEpoch }: ControlFields): WelcomeFrame {
  const isStart = PLACES.includes(start) || (Number.isSafeInteger(start) && (start as number) > 0)
  const isRight =
    isEpoch(epoch) && isCodecName(codec) && OVERFLOWS.includes(overflow) && typeof isOtherEpoch === 'boolean'
  if (!isRight || !isStart) throw corrupt('the topic', 'a first message of another form')
  return { epoch, codec, overflow: overflow as Overflow, start: start as RingStart, isOtherEpoch }
}

/** The last message before the batches: the sequence of the first message that arrives or is lost. */
export function encodeBegin(sequence: number): Buffer {
  return encodeControl({ begin: sequence })
}

/** Throws `CORRUPT`. */
export function readBegin({ begin }: ControlFields): number {
  if (Number.isSafeInteger(begin) && (begin as number) > 0) return begin as number
  throw corrupt('the topic', 'a begin without a sequence')
}
