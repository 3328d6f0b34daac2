import { isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import type { ChannelCodec, Codec, CodecBounds } from './codec.js'
import { DECODED_BYTES_DEFAULT, DecodeBudget, DecodeLimitError } from './decode-budget.js'
import { checkLongKeys, JSON_BYTES_PER_BYTE_MAX, jsonBytes } from './json-size.js'
import { pathTo } from './path.js'
import { TEXT_BYTES_MAX } from './tree-format.js'

const TOO_LONG = `a receiver can decode at most ${TEXT_BYTES_MAX} bytes; send parts`

/**
 * JSON in UTF-8, by `JSON.stringify` and `JSON.parse`, with their losses: `undefined` members, functions and symbols are left out, NaN
 * and the infinities become null, −0 becomes 0, `toJSON` is called, and the contents of Map, Set and binary data are lost. Strings keep
 * lone surrogates. A `__proto__` key becomes an ordinary own property.
 *
 * Both sides throw RangeError for more than 64 keys of more than 16,383 bytes. The sender throws TypeError for values without JSON
 * (undefined, a function, a symbol), for bigints and for cycles. The receiver throws SyntaxError for other text than JSON, TypeError for
 * other bytes than UTF-8, and DecodeLimitError for text whose value may need more than `maxDecodedBytes`.
 */
export const jsonCodec: Codec = {
  name: 'json',
  encode,
  decode: (bytes) => decode(bytes, new DecodeBudget(DECODED_BYTES_DEFAULT)),
  encodeOnce: (value) => ({ bytes: encode(value) }),
  perChannel: (_sendNote, bounds) => new JsonChannelCodec(bounds),
}

class JsonChannelCodec implements ChannelCodec {
  readonly name = 'json'
  readonly encode = encode
  readonly #budget: DecodeBudget

  constructor({ decodedBytesMax }: CodecBounds) {
    this.#budget = new DecodeBudget(decodedBytesMax)
  }

  decode(bytes: Buffer): unknown {
    return decode(bytes, this.#budget)
  }

  decodedBytes(payload: Buffer): number {
    return jsonBytes(payload)
  }
}

function encode(value: unknown): Uint8Array {
  const text = textOf(value)
  if (text === undefined)
    throw new TypeError(`JSON cannot hold ${value === undefined ? 'undefined' : `a ${typeof value}`}`)
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length > TEXT_BYTES_MAX) throw new RangeError(`the JSON has ${bytes.length} bytes; ${TOO_LONG}`)
  checkLongKeys(bytes)
  return bytes
}

function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!types.isNativeError(error)) throw error
    // The engine names neither the place of a bigint nor the limit of a text.
    if (error.message === 'Invalid string length')
      throw new RangeError(`the JSON is too long for one string; ${TOO_LONG}`, { cause: error })
    const isBigint = error.message.endsWith('serialize a BigInt')
    const place = isBigint ? pathTo(value, (member) => typeof member === 'bigint') : undefined
    throw place === undefined ? error : new TypeError(`${place} is a bigint`, { cause: error })
  }
}

function decode(bytes: Buffer, budget: DecodeBudget): unknown {
  if (bytes.length > TEXT_BYTES_MAX) {
    throw new DecodeLimitError(
      `the JSON has more than ${TEXT_BYTES_MAX} bytes, the most that Node.js can decode; have the peer send parts`,
    )
  }
  // JSON.parse cannot be stopped, so the memory for a long text is counted first.
  if (bytes.length > budget.limitBytes / JSON_BYTES_PER_BYTE_MAX) budget.begin(jsonBytes(bytes))
  checkLongKeys(bytes)
  // The decoder of Buffer would replace other bytes by U+FFFD.
  if (!isUtf8(bytes)) throw new TypeError(`the ${bytes.length} bytes are not UTF-8`)
  return JSON.parse(bytes.toString('utf8'))
}
