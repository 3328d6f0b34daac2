import { Cost } from './decode-budget.js'
import { countLongKey, HASHED_LENGTH_MAX, LONG_KEYS_MAX } from './key-work.js'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const BRACE = 0x7b
const SPACE = 0x20
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const MINUS = 0x2d
const POINT = 0x2e
const EXPONENT = 0x65
const EXPONENT_UPPER = 0x45

/**
 * Bytes of memory for each character outside of strings: an upper bound for any value of the text. An array or a key needs less than
 * in msgpack, because JSON.parse knows the length of its results.
 */
const BYTES = new Uint8Array(256)
BYTES[BRACKET] = 64
BYTES[BRACE] = Cost.OBJECT
BYTES[COLON] = 44
BYTES[COMMA] = Cost.PLACE
BYTES[QUOTE] = Cost.TEXT
// These characters can be part of a number that is not a 32-bit integer. Such a number needs 16 bytes. A longer integer needs no
// charge: its text already has at least 10 bytes.
BYTES[MINUS] = Cost.NUMBER
BYTES[POINT] = Cost.NUMBER
BYTES[EXPONENT] = Cost.NUMBER
BYTES[EXPONENT_UPPER] = Cost.NUMBER
/** In addition, for a key like an index. With 44 for its colon and 24 for its quote, this exceeds the smallest table, 36 places. */
const INDEX_KEY_BYTES = 184
/** The longest index with each digit as `\\uXXXX`, and its quote. */
const INDEX_BYTES_MAX = 61

/** The most memory for each byte of a text. So short texts are not counted. */
export const JSON_BYTES_PER_BYTE_MAX = 64

/** The most memory that JSON.parse uses for the value of a text, without the text itself. Valid for any text. */
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
    if (at - start <= INDEX_BYTES_MAX && mayBeIndex(text[start] as number) && isKey(text, at))
      bytes += INDEX_KEY_BYTES
  }
  return bytes
}

/** An escape can stand for a digit, so a key that begins with one is charged like an index. */
function mayBeIndex(character: number): boolean {
  return (character >= DIGIT_0 && character <= DIGIT_9) || character === BACKSLASH
}

/** The position after the closing quote, or the end of the text. */
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

/** Whether the string that ends before `end` is a key. */
function isKey(text: Uint8Array, end: number): boolean {
  let at = end
  // JSON allows a space, a tab and line breaks here. JSON.parse throws SyntaxError for other characters up to a space.
  while (at < text.length && (text[at] as number) <= SPACE) at += 1
  return text[at] === COLON
}

/** A longer key covers a whole block. */
const BLOCK_BYTES = 8192

/** Throws RangeError if the text has more than LONG_KEYS_MAX keys of more than HASHED_LENGTH_MAX bytes. */
export function checkLongKeys(text: Buffer): void {
  if (!mayHaveLongKeys(text)) return
  let longKeys = 0
  let at = text.indexOf(QUOTE)
  while (at >= 0) {
    const start = at + 1
    const end = endOfString(text, start)
    const length = end - 1 - start
    if (length > HASHED_LENGTH_MAX && isKey(text, end)) longKeys = countLongKey(longKeys, length)
    at = text.indexOf(QUOTE, end)
  }
}

/** Searches each block for a quote without a backslash before it, which cannot be within a string. Costs little if quotes are frequent. */
function mayHaveLongKeys(text: Buffer): boolean {
  let blocks = 0
  let at = 0
  while (at + BLOCK_BYTES <= text.length && blocks <= LONG_KEYS_MAX) {
    const quote = text.indexOf(QUOTE, at)
    if (quote < 0) return false
    const passed = Math.floor((quote - at) / BLOCK_BYTES)
    at += (passed + 1) * BLOCK_BYTES
    blocks += passed > 0 || text[quote - 1] === BACKSLASH ? passed + 1 : 0
  }
  return blocks > LONG_KEYS_MAX
}
