import { invalid, misuse } from '../../options.js'

/** Of a key and of a pattern, in UTF-8. */
export const KEY_BYTES_MAX = 255
const PATTERNS_MAX = 256
/** Keys of a subscription that are known already. */
const KNOWN_MAX = 1024

/** Each character can continue in one way only, so the test takes linear time. */
const KEY = /^[^\s.*>\p{Cc}\p{Cs}]+(?:\.[^\s.*>\p{Cc}\p{Cs}]+)*$/u
const KEY_FORM = `words that dots join, without spaces, control characters, "*" and ">", of at most ${KEY_BYTES_MAX} bytes`
const PATTERN_FORM = `a key, in which "*" stands for one word, and ">" at the end for one or more`

const NO_KEY = Buffer.alloc(0)

/** The bytes of a key; none for no key. Throws `INVALID_ARGUMENT`. */
export function encodeKey(key: string | undefined): Buffer {
  if (key === undefined) return NO_KEY
  const bytes = typeof key === 'string' && key.length <= KEY_BYTES_MAX ? Buffer.from(key) : undefined
  if (bytes === undefined || bytes.length > KEY_BYTES_MAX || !KEY.test(key))
    throw invalid('key', key, KEY_FORM)
  return bytes
}

/** Whether bytes of a peer are a key. */
export function isKey(bytes: Buffer): boolean {
  if (bytes.length > KEY_BYTES_MAX) return false
  const key = bytes.toString()
  // A byte that is not UTF-8 became another character.
  return KEY.test(key) && Buffer.byteLength(key) === bytes.length && !key.includes('\ufffd')
}

/** A key that a subscription receives. */
export interface ReceivedKey {
  readonly key: string
  readonly matches: boolean
}

/** Reads keys, and compares them with the patterns of a subscription. The keys are input from the publisher. */
export class KeyFilter {
  readonly #patterns: readonly (readonly string[])[] | undefined
  readonly #known = new Map<string, ReceivedKey>()

  /** Without patterns, all messages match. Throws `INVALID_ARGUMENT`. */
  constructor(patterns: string | readonly string[] | undefined) {
    if (patterns === undefined) return
    const list = typeof patterns === 'string' ? [patterns] : patterns
    if (!Array.isArray(list)) throw invalid('keys', patterns, 'a pattern or an array of patterns')
    if (list.length === 0)
      throw misuse('keys is an empty array, which no message matches; leave it out for all messages')
    if (list.length > PATTERNS_MAX)
      throw misuse(`keys has ${list.length} patterns, more than ${PATTERNS_MAX}; use wildcards`)
    this.#patterns = list.map(parsePattern)
  }

  /** Messages without a key match only if there are no patterns. */
  get matchesNoKey(): boolean {
    return this.#patterns === undefined
  }

  /** Undefined: the bytes are not a key. */
  read(bytes: Buffer): ReceivedKey | undefined {
    const key = bytes.toString()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (!isKey(bytes)) return undefined
    const received = { key, matches: this.#matches(key) }
    if (this.#known.size === KNOWN_MAX) this.#known.clear()
    this.#known.set(key, received)
    return received
  }

  #matches(key: string): boolean {
    if (this.#patterns === undefined) return true
    const words = key.split('.')
    return this.#patterns.some((pattern) => matchesWords(pattern, words))
  }
}

/** The words of a pattern. Throws `INVALID_ARGUMENT`. */
function parsePattern(pattern: unknown): readonly string[] {
  if (typeof pattern !== 'string' || pattern.length > KEY_BYTES_MAX)
    throw invalid('keys', pattern, PATTERN_FORM)
  const words = pattern.split('.')
  const isPattern = words.every(
    (word, index) => word === '*' || (word === '>' && index === words.length - 1) || KEY.test(word),
  )
  if (!isPattern || Buffer.byteLength(pattern) > KEY_BYTES_MAX) throw invalid('keys', pattern, PATTERN_FORM)
  return words
}

function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  const last = pattern.length - 1
  const isOpen = pattern[last] === '>'
  if (isOpen ? words.length < pattern.length : words.length !== pattern.length) return false
  const end = isOpen ? last : pattern.length
  for (let index = 0; index < end; index += 1)
    if (pattern[index] !== '*' && pattern[index] !== words[index]) return false
  return true
}
