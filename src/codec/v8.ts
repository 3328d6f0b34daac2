import { deserialize, serialize } from 'node:v8'
import type { Codec } from './codec.js'

/**
 * V8's structured clone format, by `v8.serialize` and `v8.deserialize`: what `postMessage` carries, with Buffer. Both sides run Node;
 * a version of Node cannot read what a much newer one writes. Meant for peers that are trusted, as V8 makes no promise for forged input.
 *
 * Throws for functions, symbols and SharedArrayBuffer; other objects of the host, such as an AbortSignal, may arrive as empty objects.
 * Typed arrays and Buffers in a received value may be views of the message's memory. Bytes after the value are not noticed.
 */
export const v8Codec: Codec = {
  name: 'v8',
  encode: serialize,
  decode: deserialize,
}
