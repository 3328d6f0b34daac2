import { encodeHeaders } from '../headers.js'
import { encodeKey } from './key.js'
import type { PublishOptions } from './types.js'

/** Keys whose bytes are known. */
const KNOWN_MAX = 1024

/** The bytes before the body of a message: its key and its headers. */
export interface MessagePrefix {
  readonly bytes: Uint8Array
  readonly keyBytes: number
}

const NO_PREFIX: MessagePrefix = { bytes: new Uint8Array(0), keyBytes: 0 }

/** Encodes the options of a message. Most messages have a key of few, and no headers. */
export class PrefixEncoder {
  readonly #known = new Map<string, MessagePrefix>()

  /** Throws `INVALID_ARGUMENT`. */
  encode(options: PublishOptions | undefined): MessagePrefix {
    if (options === undefined) return NO_PREFIX
    const { key, headers } = options
    if (headers === undefined) return key === undefined ? NO_PREFIX : this.#ofKey(key)
    const keyPart = encodeKey(key)
    return { bytes: Buffer.concat([keyPart, encodeHeaders(headers)]), keyBytes: keyPart.length }
  }

  #ofKey(key: string): MessagePrefix {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const bytes = encodeKey(key)
    const prefix = { bytes, keyBytes: bytes.length }
    if (this.#known.size === KNOWN_MAX) this.#known.clear()
    this.#known.set(key, prefix)
    return prefix
  }
}
