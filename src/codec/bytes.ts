import { types } from 'node:util'
import type { Codec } from './codec.js'

/**
 * Sends a Uint8Array, another view or an ArrayBuffer, and delivers a Buffer. Throws TypeError for any other value. It accepts views of
 * a SharedArrayBuffer, but a message can then contain a part of a concurrent write.
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
