import { deserialize, serialize } from 'node:v8'
import type { Codec } from './codec.js'

/**
 * The structured clone format of V8, by `v8.serialize` and `v8.deserialize`: everything that `postMessage` carries, and Buffer. Both sides
 * run Node, and a version of Node cannot read the format of a much newer one. Use it for trusted peers only: V8 makes no promise for
 * forged input.
 *
 * Throws for functions, symbols and SharedArrayBuffer. Other host objects, such as an AbortSignal, can become empty objects. Typed arrays
 * and Buffers in a received value can be views of the memory of the message. Bytes after the value are ignored.
 */
export const v8Codec: Codec = {
  name: 'v8',
  encode: serialize,
  decode: deserialize,
}
