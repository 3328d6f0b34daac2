import { isUtf8 } from 'node:buffer'
import { HttpError } from './http-error.js'

/** Arrays and objects in each other. Protocol Buffers have the same limit. */
const DEPTH_MAX = 100
/** Longer integers, and exponents with as many digits, can be beyond the largest number. */
const DIGITS_MAX = 308
const EXPONENT_DIGITS = 3
const QUOTE = 0x22
const PLUS = 0x2b
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c
/** Both letters, which differ in one bit. */
const LOWER = 0x20
const LETTER_E = 0x65
/** { and [. */
const OPENING = 0x7b
/** } and ]. */
const CLOSING = 0x7d

/**
 * The value of a body. Undefined: the body is empty. Of several members of an object with the same name, the last one counts. Throws the
 * error 400.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  if (!isUtf8(bytes)) throw wrongBody('is not UTF-8')
  const hasLongNumbers = scan(bytes)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch {
    // The message of the engine would quote the body.
    throw wrongBody('is not JSON')
  }
  if (hasLongNumbers) checkNumbers(value)
  return value
}

function wrongBody(problem: string): HttpError {
  return new HttpError(400, 'INVALID_ARGUMENT', `the body ${problem}`, { reason: 'INVALID_BODY' })
}

/** Throws for a value that is too deep, because what reads it can be recursive. Returns whether it can have numbers that are too large. */
function scan(bytes: Buffer): boolean {
  let depth = 0
  let digits = 0
  let isText = false
  let hasLongNumbers = false
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number
    if (isText) {
      if (byte === BACKSLASH) index += 1
      else if (byte === QUOTE) isText = false
    } else if (byte >= ZERO && byte <= NINE) {
      digits += 1
      if (digits > DIGITS_MAX) hasLongNumbers = true
    } else {
      if (digits > 0 && (byte | LOWER) === LETTER_E && hasLongExponent(bytes, index + 1))
        hasLongNumbers = true
      digits = 0
      if (byte === QUOTE) isText = true
      else if ((byte | LOWER) === OPENING) {
        depth += 1
        if (depth > DEPTH_MAX) throw wrongBody(`has more than ${DEPTH_MAX} arrays and objects in each other`)
      } else if ((byte | LOWER) === CLOSING) depth -= 1
    }
  }
  return hasLongNumbers
}

function hasLongExponent(bytes: Buffer, start: number): boolean {
  const first = bytes[start] === PLUS ? start + 1 : start
  for (let index = first; index < first + EXPONENT_DIGITS; index += 1) {
    const byte = bytes[index] ?? 0
    if (byte < ZERO || byte > NINE) return false
  }
  return true
}

/** JSON.parse makes Infinity of them, which is not a value of JSON. The depth is bounded. */
function checkNumbers(value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw wrongBody('has a number that is too large')
  if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) checkNumbers(member)
}
