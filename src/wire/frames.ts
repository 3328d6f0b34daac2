/**
 * The format of everything on the control socket after the preamble (docs/protocol.md, "Frames"):
 *
 *   0        4      6       8    12
 *   | length | kind | flags | id | payload, `length` bytes …
 *     u32      u16    u16     u32      all little-endian; flags is 0
 *
 * frame-parser.ts reads it.
 */
import { ErrorCode, ShmwireError } from '../errors.js'

export const FRAME_HEADER_BYTES = 12

export const FrameOffset = { LENGTH: 0, KIND: 4, FLAGS: 6, ID: 8 } as const

/** Kinds from 1 to this one are records of the channel. Only the socket link sends them as frames. */
export const RECORD_KIND_MAX = 255

/** The frames of the handshake have a JSON object as payload. Their id is 0 and is ignored. */
export const FrameKind = {
  HELLO: 256,
  OFFER: 257,
  REJECT: 258,
  HANDLES: 259,
  HANDOVER_FULL: 260,
  HANDOVER_READY: 261,
  READY: 262,
  SOCKET: 263,
  DESCRIBE: 264,
  DESCRIPTION: 265,
  OBSERVE: 266,
  SNAPSHOT: 267,
} as const

/** Far more than any handshake needs. An unknown peer can make this process hold so many bytes. */
export const CONTROL_PAYLOAD_BYTES_MAX = 64 * 1024

/** A snapshot has rows for many channels and methods. */
export const SNAPSHOT_PAYLOAD_BYTES_MAX = 1024 * 1024

export function writeFrameHeader(
  target: Buffer,
  offset: number,
  kind: number,
  id: number,
  payloadBytes: number,
): void {
  writeUint32(target, offset + FrameOffset.LENGTH, payloadBytes)
  writeUint16(target, offset + FrameOffset.KIND, kind)
  writeUint16(target, offset + FrameOffset.FLAGS, 0)
  writeUint32(target, offset + FrameOffset.ID, id)
}

// By bytes: the methods of Buffer check their arguments, which takes as long as the rest of a small record.

function writeUint16(target: Buffer, offset: number, value: number): void {
  target[offset] = value
  target[offset + 1] = value >>> 8
}

function writeUint32(target: Buffer, offset: number, value: number): void {
  target[offset] = value
  target[offset + 1] = value >>> 8
  target[offset + 2] = value >>> 16
  target[offset + 3] = value >>> 24
}

/** The two bytes must be there. */
export function readUint16(bytes: Buffer, offset: number): number {
  return (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8)
}

/** The four bytes must be there. */
export function readUint32(bytes: Buffer, offset: number): number {
  return (readUint16(bytes, offset) | (readUint16(bytes, offset + 2) << 16)) >>> 0
}

export function encodeFrame(kind: number, id: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.byteLength)
  writeFrameHeader(frame, 0, kind, id, payload.byteLength)
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}

/** A frame of the handshake. */
export function encodeControlFrame(kind: number, message: object): Buffer {
  return encodeFrame(kind, 0, Buffer.from(JSON.stringify(message), 'utf8'))
}

/** The longest payload that a kind may have at present. Negative: the kind is not allowed. */
export type PayloadBound = (kind: number) => number

/** For the socket link: only records of the channel, of up to `bytesMax`. */
export function recordBound(bytesMax: number): PayloadBound {
  return (kind) => (kind >= 1 && kind <= RECORD_KIND_MAX ? bytesMax : -1)
}

/** For the shared-memory link, whose socket carries no bytes. */
export function silenceBroken(): ShmwireError {
  return corrupt('the peer wrote to the control socket, on which nothing may follow the handshake')
}

/** For a step of the handshake. */
export function controlBound(kinds: readonly number[]): PayloadBound {
  return (kind) => {
    if (!kinds.includes(kind)) return -1
    return kind === FrameKind.SNAPSHOT ? SNAPSHOT_PAYLOAD_BYTES_MAX : CONTROL_PAYLOAD_BYTES_MAX
  }
}

/** Throws `CORRUPT` unless this header is allowed at present. */
export function checkFrameHeader(
  kind: number,
  flags: number,
  payloadBytes: number,
  bound: PayloadBound,
): void {
  const bytesMax = bound(kind)
  if (bytesMax < 0) throw corrupt(`the peer sent a frame of kind ${kind}, which is not allowed at this point`)
  if (flags !== 0) throw corrupt(`the peer sent a frame of kind ${kind} with flags ${flags}; they must be 0`)
  if (payloadBytes > bytesMax) {
    throw corrupt(
      `the peer sent a frame of kind ${kind} with ${payloadBytes} bytes; at most ${bytesMax} are allowed`,
    )
  }
}

function corrupt(message: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, message)
}
