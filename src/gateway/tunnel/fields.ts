/** The encoding of Protocol Buffers, as far as the messages of a tunnel need it (proto/shmwire/v1/tunnel.proto). */
import { ErrorCode, ShmwireError } from '../../errors.js'

const WireType = { VARINT: 0, I64: 1, LENGTH: 2, I32: 5 } as const

/** The messages have lower numbers. Fields of later versions are skipped. */
const FIELDS_MAX = 15
const VARINT_BYTES_MAX = 10

/** Collects the fields of a message. A field with its default value is not written. */
export class FieldWriter {
  readonly #parts: Uint8Array[] = []
  #length = 0

  /** An integer from 0 to 2^53 − 1, or a boolean. */
  integer(field: number, value: number | boolean): this {
    const number = Number(value)
    return number === 0 ? this : this.#push(key(field, WireType.VARINT)).#push(varint(number))
  }

  bytes(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.#lengthOf(field, value.length).#push(value)
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value))
  }

  /** A message in this one, also if it is empty. */
  message(field: number, inner: FieldWriter): this {
    this.#lengthOf(field, inner.#length)
    for (const part of inner.#parts) this.#push(part)
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts, this.#length)
  }

  #lengthOf(field: number, length: number): this {
    return this.#push(key(field, WireType.LENGTH)).#push(varint(length))
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }
}

/** The fields of a received message. Of a repeated field, the last one counts. The bytes are views of the message. */
export class Fields {
  readonly #what: string
  readonly #values: (number | Buffer | undefined)[] = []

  /** Throws `CORRUPT` for bytes that are not a message. `what` names the message in errors. */
  constructor(what: string, message: Buffer) {
    this.#what = what
    for (let offset = 0; offset < message.length; ) offset = this.#read(message, offset)
  }

  integer(field: number): number {
    const value = this.#values[field] ?? 0
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value
    throw this.fault(field, 'an integer from 0 to 2^53 − 1')
  }

  boolean(field: number): boolean {
    return this.integer(field) !== 0
  }

  /** Undefined: it is absent. */
  bytes(field: number): Buffer | undefined {
    const value = this.#values[field]
    if (typeof value !== 'number') return value
    throw this.fault(field, 'bytes')
  }

  text(field: number, bytesMax: number): string {
    const bytes = this.bytes(field)
    if (bytes === undefined) return ''
    if (bytes.length > bytesMax) throw this.fault(field, `a text of at most ${bytesMax} bytes`)
    return bytes.toString()
  }

  fault(field: number, expected: string): ShmwireError {
    const value = this.#values[field]
    const shown = typeof value === 'object' ? `${value.length} bytes` : String(value)
    return this.#corrupt(`field ${field} is ${shown}; it must be ${expected}`)
  }

  #read(message: Buffer, start: number): number {
    const [tag, offset] = this.#varint(message, start)
    const [field, type] = [Math.floor(tag / 8), tag % 8]
    if (field === 0 || tag > 0xffff_ffff) throw this.#corrupt(`byte ${start} has the key ${tag}`)
    if (type === WireType.VARINT) {
      const [value, end] = this.#varint(message, offset)
      return this.#keep(field, value, end)
    }
    if (type === WireType.LENGTH) {
      const [length, from] = this.#varint(message, offset)
      const end = this.#checkEnd(message, from + length)
      return this.#keep(field, message.subarray(from, end), end)
    }
    // No field of these messages has a fixed length.
    if (type === WireType.I64) return this.#checkEnd(message, offset + 8)
    if (type === WireType.I32) return this.#checkEnd(message, offset + 4)
    throw this.#corrupt(`field ${field} has the wire type ${type}`)
  }

  #keep(field: number, value: number | Buffer, end: number): number {
    if (field <= FIELDS_MAX) this.#values[field] = value
    return end
  }

  /** The value and its end. A value of 2^53 or more is not exact. */
  #varint(message: Buffer, start: number): [value: number, end: number] {
    let value = 0
    let factor = 1
    const last = Math.min(message.length, start + VARINT_BYTES_MAX)
    for (let offset = start; offset < last; offset += 1, factor *= 128) {
      const byte = message[offset] as number
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return [value, offset + 1]
    }
    throw this.#corrupt(`the integer at byte ${start} does not end`)
  }

  #checkEnd(message: Buffer, end: number): number {
    if (end <= message.length) return end
    throw this.#corrupt(`it has ${message.length} bytes, and a field ends at byte ${end}`)
  }

  #corrupt(reason: string): ShmwireError {
    return new ShmwireError(
      ErrorCode.CORRUPT,
      `the ${this.#what} of the tunnel's peer is malformed: ${reason}`,
    )
  }
}

function key(field: number, type: number): Uint8Array {
  return Uint8Array.of(field * 8 + type)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}
