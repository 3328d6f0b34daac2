import { types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import type { Codec } from './codec.js'
import { pathTo } from './path.js'

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
  encode,
  decode: deserialize,
}

function encode(value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (error) {
    const text = textOfRefusal(error)
    const place = text === undefined ? undefined : pathTo(value, isRefused)
    // The engine does not name the place.
    throw place === undefined ? error : new TypeError(`${place}: ${text}`, { cause: error })
  }
}

/** The message of the engine for a value that it cannot clone. */
function textOfRefusal(error: unknown): string | undefined {
  return types.isNativeError(error) && error.message.endsWith(' could not be cloned.')
    ? error.message
    : undefined
}

function isRefused(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    types.isProxy(value) ||
    types.isSharedArrayBuffer(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isGeneratorObject(value)
  )
}
