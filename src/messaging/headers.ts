import { invalid, misuse, show } from '../options.js'
import { invalidSecret } from '../secret-value.js'
import type { MessageHeaders } from './types.js'

/** Enough for the names of the field and those of a program. */
export const HEADERS_MAX = 64
/** Of all names and values, with their lengths. A length has 16 bits. */
export const HEADERS_BYTES_MAX = 16 * 1024
/** Of one name or one value. */
export const HEADER_BYTES_MAX = 4 * 1024

/** The lengths of a name and its value. */
const LENGTHS_BYTES = 4
/** Visible ASCII characters without the colon: what HTTP and NATS also carry. */
const NAME = /^[!-9;-~]+$/
/** Text without control characters and lone surrogates, which UTF-8 cannot carry. */
const VALUE = /^[^\p{Cc}\p{Cs}]*$/u
const NAME_FORM = `visible ASCII characters without a colon, at most ${HEADER_BYTES_MAX}`
const VALUE_FORM = `a string without control characters and lone surrogates, of at most ${HEADER_BYTES_MAX} bytes`

export const NO_HEADERS: MessageHeaders = Object.freeze({})
const NO_BYTES = Buffer.alloc(0)

/**
 * Checks and encodes headers: for each one, the lengths of its name and value (u16, little-endian), the name, and the value in UTF-8. Without headers,
 * there are no bytes. Throws `INVALID_ARGUMENT`.
 */
export function encodeHeaders(headers: MessageHeaders | undefined): Buffer {
  const entries = entriesOf(headers)
  if (entries.length === 0) return NO_BYTES
  const bytes = Buffer.allocUnsafe(lengthOf(entries))
  let offset = 0
  for (const [name, value] of entries) {
    const start = offset + LENGTHS_BYTES + bytes.write(name, offset + LENGTHS_BYTES, 'latin1')
    const end = start + bytes.write(value, start, 'utf8')
    bytes.writeUInt16LE(name.length, offset)
    bytes.writeUInt16LE(end - start, offset + 2)
    offset = end
  }
  return bytes
}

/** Throws `INVALID_ARGUMENT` unless these are headers. */
export function checkHeaders(headers: MessageHeaders | undefined): void {
  lengthOf(entriesOf(headers))
}

/** The bytes are input from a peer or a file. Undefined: they are malformed. */
export function decodeHeaders(bytes: Buffer): MessageHeaders | undefined {
  if (bytes.length === 0) return NO_HEADERS
  if (bytes.length > HEADERS_BYTES_MAX) return undefined
  const headers: Record<string, string> = {}
  let count = 0
  for (let offset = 0; offset < bytes.length; count += 1) {
    const start = offset + LENGTHS_BYTES
    if (start > bytes.length || count === HEADERS_MAX) return undefined
    const nameEnd = start + bytes.readUInt16LE(offset)
    const end = nameEnd + bytes.readUInt16LE(offset + 2)
    if (end > bytes.length || nameEnd - start > HEADER_BYTES_MAX || end - nameEnd > HEADER_BYTES_MAX)
      return undefined
    const name = bytes.toString('latin1', start, nameEnd)
    const value = bytes.toString('utf8', nameEnd, end)
    if (!NAME.test(name) || !VALUE.test(value) || Object.hasOwn(headers, name)) return undefined
    add(headers, name, value)
    offset = end
  }
  return headers
}

function entriesOf(headers: MessageHeaders | undefined): [name: string, value: string][] {
  if (headers === undefined) return []
  if (typeof headers !== 'object' || headers === null) throw invalid('headers', headers, 'an object')
  return Object.entries(headers)
}

/** Throws `INVALID_ARGUMENT` unless they are headers. */
function lengthOf(entries: readonly (readonly [name: string, value: unknown])[]): number {
  if (entries.length > HEADERS_MAX)
    throw misuse(
      `the message has ${entries.length} headers, more than ${HEADERS_MAX}; put further ones into the message`,
    )
  let length = 0
  for (const [name, value] of entries) length += LENGTHS_BYTES + checkedBytes(name, value)
  if (length > HEADERS_BYTES_MAX)
    throw misuse(
      `the headers have ${length} bytes, more than ${HEADERS_BYTES_MAX}; put long values into the message`,
    )
  return length
}

/** The bytes of the name and the value together. */
function checkedBytes(name: string, value: unknown): number {
  if (name.length > HEADER_BYTES_MAX || !NAME.test(name))
    throw invalid('the name of a header', name, NAME_FORM)
  if (typeof value !== 'string' || value.length > HEADER_BYTES_MAX || !VALUE.test(value))
    throw invalidSecret(`the header ${show(name)}`, value, VALUE_FORM)
  const valueBytes = Buffer.byteLength(value)
  if (valueBytes > HEADER_BYTES_MAX) throw invalidSecret(`the header ${show(name)}`, value, VALUE_FORM)
  return name.length + valueBytes
}

/** An assignment to `__proto__` would set the prototype. */
function add(headers: Record<string, string>, name: string, value: string): void {
  if (name !== '__proto__') headers[name] = value
  else Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true })
}
