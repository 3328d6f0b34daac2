import { invalid, misuse, show } from '../../options.js'
import { invalidSecret } from '../../secret-value.js'
import { METADATA_BYTES_MAX, METADATA_VALUES_MAX } from '../../wire/call-records.js'

/** `Uint8Array` for names that end in `-bin`, a string for all others. */
export type MetadataValue = string | Uint8Array

export type MetadataInit =
  | Metadata
  | Readonly<Record<string, MetadataValue>>
  | Iterable<readonly [name: string, value: MetadataValue]>

const NAME = /^[0-9a-z_.-]{1,128}$/
const TEXT = /^[\x20-\x7e]*$/
const BINARY_SUFFIX = '-bin'
/** The lengths of a name and its value. */
const HEAD_BYTES = 3

/** Whether metadata can have the name, which is in lower case. */
export function isMetadataName(name: string): boolean {
  return NAME.test(name)
}

/** Whether it is a value of metadata that is not binary. */
export function isMetadataText(text: string): boolean {
  return TEXT.test(text)
}

/**
 * The headers or trailers of a call: names with values, as gRPC defines them. Names are lower case and case-insensitive. A value is a string
 * of printable ASCII characters, or bytes if the name ends in `-bin`. There are at most 128 values, with 16 KiB together.
 */
export class Metadata implements Iterable<[name: string, value: MetadataValue]> {
  readonly #values: Map<string, MetadataValue>

  /** Throws `INVALID_ARGUMENT` for a name or a value of another form. */
  constructor(init?: MetadataInit) {
    this.#values = new Map(init instanceof Metadata ? init.#values : undefined)
    if (init === undefined || init instanceof Metadata) return
    if (typeof init !== 'object' || init === null) throw invalid('metadata', init, 'an object')
    const entries = Symbol.iterator in init ? init : Object.entries(init)
    for (const [name, value] of entries) this.set(name, value)
  }

  get size(): number {
    return this.#values.size
  }

  get(name: string): MetadataValue | undefined {
    return this.#values.get(name.toLowerCase())
  }

  /** The value of a name that does not end in `-bin`. */
  text(name: string): string | undefined {
    const value = this.get(name)
    return typeof value === 'string' ? value : undefined
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  /** Replaces the value of the name. Throws `INVALID_ARGUMENT`. */
  set(name: string, value: MetadataValue): this {
    const key = typeof name === 'string' ? name.toLowerCase() : ''
    if (!NAME.test(key)) throw invalid('the name of metadata', name, '1 to 128 characters from a-z 0-9 _ . -')
    if (key.endsWith(BINARY_SUFFIX)) {
      if (!(value instanceof Uint8Array)) throw invalidSecret(`metadata ${key}`, value, 'a Uint8Array')
    } else if (typeof value !== 'string' || !isMetadataText(value)) {
      throw invalidSecret(`metadata ${key}`, value, 'a string of printable ASCII characters')
    }
    this.#values.set(key, value)
    return this
  }

  delete(name: string): boolean {
    return this.#values.delete(name.toLowerCase())
  }

  [Symbol.iterator](): MapIterator<[string, MetadataValue]> {
    return this.#values[Symbol.iterator]()
  }
}

/** Returns the encoded length. Throws `INVALID_ARGUMENT` if it is too much. */
export function checkMetadata(metadata: Metadata): number {
  if (metadata.size > METADATA_VALUES_MAX)
    throw misuse(
      `the metadata has ${metadata.size} values, more than ${METADATA_VALUES_MAX}; send further ones in the message`,
    )
  let length = 0
  for (const [name, value] of metadata) {
    length += HEAD_BYTES + name.length + value.length
    if (length > METADATA_BYTES_MAX)
      throw misuse(
        `the metadata is longer than ${METADATA_BYTES_MAX} bytes at ${show(name)}; send long values in the message`,
      )
  }
  return length
}

/** Undefined: there is none. Throws `INVALID_ARGUMENT` if it is too much. */
export function encodeMetadata(metadata: Metadata | undefined): Buffer | undefined {
  if (metadata === undefined || metadata.size === 0) return undefined
  const length = checkMetadata(metadata)
  const bytes = Buffer.allocUnsafe(length)
  let offset = 0
  for (const [name, value] of metadata) {
    bytes[offset] = name.length
    const nameEnd = offset + 1 + bytes.write(name, offset + 1, 'latin1')
    const start = bytes.writeUInt16LE(value.length, nameEnd)
    if (typeof value === 'string') bytes.write(value, start, 'latin1')
    else bytes.set(value, start)
    offset = start + value.length
  }
  return bytes
}

/** The bytes are input from the peer. Undefined: they are malformed. */
export function decodeMetadata(bytes: Buffer): Metadata | undefined {
  const metadata = new Metadata()
  for (let offset = 0; offset < bytes.length; ) {
    const nameEnd = offset + 1 + (bytes[offset] as number)
    if (nameEnd + 2 > bytes.length) return undefined
    const name = bytes.toString('latin1', offset + 1, nameEnd)
    const start = nameEnd + 2
    const end = start + bytes.readUInt16LE(nameEnd)
    if (end > bytes.length) return undefined
    const value = name.endsWith(BINARY_SUFFIX)
      ? new Uint8Array(bytes.subarray(start, end))
      : bytes.toString('latin1', start, end)
    if (!NAME.test(name) || (typeof value === 'string' && !isMetadataText(value))) return undefined
    metadata.set(name, value)
    offset = end
  }
  return metadata.size > METADATA_VALUES_MAX ? undefined : metadata
}
