/**
 * The messages of a watch: `watch` of the watcher and `welcome` of the cell, then those of attach/server-attach.ts. A watcher without
 * shared memory then gets values, and acknowledges each one:
 *
 *   cell:     VALUE    version (u64, little-endian), encoded value
 *   watcher:  TAKEN    version (u64, little-endian)
 */
import { type ControlFields, corrupt, encodeControl, readReason } from '../attach/control-frame.js'
import type { EncodedValue } from './read-cell.js'

/** Of this conversation. Both sides must have the same one. */
export const CELL_VERSION = 1

export const CellFrame = { VALUE: 1, TAKEN: 2 } as const

/** The kind and the version. */
const HEAD_BYTES = 9
const NAME_CHARACTERS_MAX = 64
const CELL = 'the cell'
const WATCHER = 'the watcher'

export interface WatchFrame {
  readonly version: number
  readonly codec: string
  /** Why the watcher cannot read shared memory; undefined: it can. */
  readonly obstacle: string | undefined
}

export interface WelcomeFrame {
  readonly epoch: string
  readonly codec: string
}

export function encodeWatch(frame: WatchFrame): Buffer {
  return encodeControl({ ...frame })
}

/** Throws `CORRUPT`. */
export function readWatch({ version, codec, obstacle }: ControlFields): WatchFrame {
  if (typeof version !== 'number' || !isName(codec))
    throw corrupt(WATCHER, 'a first message without version or codec')
  return {
    version,
    codec,
    obstacle: obstacle === undefined ? undefined : readReason(obstacle, WATCHER),
  }
}

export function encodeWelcome(frame: WelcomeFrame): Buffer {
  return encodeControl({ ...frame })
}

/** Throws `CORRUPT`. */
export function readWelcome({ epoch, codec }: ControlFields): WelcomeFrame {
  if (isName(epoch) && isName(codec)) return { epoch, codec }
  throw corrupt(CELL, 'a first message of another form')
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARACTERS_MAX
}

export function encodeValue(version: number, value: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafeSlow(HEAD_BYTES + value.length)
  frame[0] = CellFrame.VALUE
  frame.writeBigUInt64LE(BigInt(version), 1)
  frame.set(value, HEAD_BYTES)
  return frame
}

/** The frame is memory of the value alone. Throws `CORRUPT` unless the version is above `after`. */
export function readValue(frame: Buffer, after: number): EncodedValue {
  const version = versionOf(frame, CellFrame.VALUE, frame.length, CELL)
  if (version <= after) throw corrupt(CELL, `version ${version} after version ${after}`)
  return { bytes: frame.subarray(HEAD_BYTES), version }
}

export function encodeTaken(version: number): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES)
  frame[0] = CellFrame.TAKEN
  frame.writeBigUInt64LE(BigInt(version), 1)
  return frame
}

/** Returns the version that the message acknowledges. Throws `CORRUPT` unless it is `sent` or `overtaken`. */
export function readTaken(frame: Uint8Array, sent: number, overtaken = 0): number {
  const buffer = Buffer.from(frame.buffer, frame.byteOffset, frame.length)
  const version = versionOf(buffer, CellFrame.TAKEN, HEAD_BYTES, WATCHER)
  if (version !== sent && version !== overtaken)
    throw corrupt(WATCHER, `an acknowledgement of version ${version} instead of ${sent}`)
  return version
}

function versionOf(frame: Buffer, kind: number, bytes: number, peer: string): number {
  if (frame[0] !== kind || frame.length !== bytes || bytes < HEAD_BYTES)
    throw corrupt(peer, `a message of the kind ${frame[0] ?? 'none'} and ${frame.length} bytes`)
  const version = frame.readBigUInt64LE(1)
  if (version > 0n && version <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(version)
  throw corrupt(peer, `the impossible version ${version}`)
}
