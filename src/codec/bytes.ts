import { types } from 'node:util'
import type { Codec } from './codec.js'

/**
 * Bytes as they are: takes a Uint8Array, any other view of memory, or an ArrayBuffer, and gives a Buffer.
 * Throws TypeError for anything else. Views of a SharedArrayBuffer are taken; what others write to it meanwhile may be half seen.
 */
export const bytesCodec: Codec = {
  name: 'bytes',

  encode(value: unknown): Uint8Array {
    if (types.isUint8Array(value)) return value
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    if (types.isArrayBuffer(value)) return new Uint8Array(value)
    throw new TypeError(
      `codec 'bytes' takes a Uint8Array, another view or an ArrayBuffer, not ${kindOf(value)}`,
    )
  },

  decode(bytes: Buffer): Buffer {
    return bytes
  },
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? Object.prototype.toString.call(value) : `a ${typeof value}`
}
