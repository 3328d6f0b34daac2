import { Cost } from './decode-budget.js'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const BRACE = 0x7b

/**
 * Bytes of memory for what one character outside of strings brings: with as many of it as the text has, no value takes more. Less
 * for an array or a key than in a message of msgpack, as JSON.parse knows the length of what it makes.
 */
const BYTES = new Uint8Array(256)
BYTES[BRACKET] = 64
BYTES[BRACE] = Cost.OBJECT
BYTES[COLON] = 72
BYTES[COMMA] = Cost.PLACE
BYTES[QUOTE] = Cost.TEXT

/** No text takes more than this for each of its bytes, so a short one need not be counted. */
export const JSON_BYTES_PER_BYTE_MAX = 72

/** The memory that JSON.parse takes for a value at most, without the text itself. Also of text that is no JSON. */
export function jsonBytes(text: Uint8Array): number {
  let bytes = 0
  let at = 0
  while (at < text.length) {
    const character = text[at] as number
    bytes += BYTES[character] as number
    at += 1
    if (character !== QUOTE) continue
    const start = at
    at = endOfString(text, start)
    bytes += at - start
  }
  return bytes
}

/** Behind the closing quote, or the end of a text without one. */
function endOfString(text: Uint8Array, start: number): number {
  let at = start
  while (at < text.length) {
    const character = text[at] as number
    at += 1
    if (character === QUOTE) return at
    if (character === BACKSLASH) at += 1
  }
  return text.length
}
