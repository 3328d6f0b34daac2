import { StartViews } from '../start-views.js'
import { INT64_MAX, isLongBigint, LeafCode } from './plain.js'
import { Addition, ESCAPE, TEXT_BYTES_MAX, TIMESTAMP, TYPED_ARRAY } from './tree-format.js'

const BUFFER_BYTES_INITIAL = 8192
/** A larger buffer is released after the message. */
const BUFFER_BYTES_KEPT = 1024 * 1024
/** Free bytes before each value: enough for a number, a date or a header. */
const ROOM_BYTES = 16

/** Below this length, a loop over the characters is faster than a call of the runtime. */
const TEXT_LENGTH_SHORT = 40
/** Above this length, a count of the bytes costs less than memory for three bytes a character. */
const TEXT_LENGTH_LONG = 4096

/** Writes the tokens of MessagePack, and of a few additions, into memory that grows. */
export class TokenWriter {
  protected target!: Buffer
  #view!: DataView
  #views!: StartViews
  /** A value can begin up to here: ROOM_BYTES follow. */
  protected limit = 0
  protected position = 0
  protected bytesMax = 0

  constructor() {
    this.#use(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
  }

  protected start(bytesMax: number): void {
    this.position = 0
    this.bytesMax = bytesMax
  }

  /** The bytes since `start`. The next message overwrites them. */
  protected result(): Buffer {
    return this.#views.first(this.position)
  }

  /** Inserts an addition before all other bytes. False: the message is already too long. */
  protected prepend(code: number): boolean {
    if (!this.reserve(2)) return false
    this.target.copyWithin(2, 0, this.position)
    const end = this.position + 2
    this.position = 0
    this.addition(code)
    this.position = end
    return true
  }

  /** Releases large memory. */
  protected end(): void {
    if (this.target.length > BUFFER_BYTES_KEPT) this.#use(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
  }

  #use(target: Buffer): void {
    this.target = target
    this.#view = new DataView(target.buffer, target.byteOffset, target.length)
    this.#views = new StartViews(target)
    this.limit = target.length - ROOM_BYTES
  }

  /** Makes room for `bytes` and ROOM_BYTES more. False: the message is already too long. */
  protected reserve(bytes: number): boolean {
    if (this.position + bytes <= this.limit) return true
    if (this.position > this.bytesMax) return false
    const target = Buffer.allocUnsafeSlow(
      Math.max(2 * this.target.length, this.position + bytes + ROOM_BYTES),
    )
    this.target.copy(target, 0, 0, this.position)
    this.#use(target)
    return true
  }

  protected byte(byte: number): void {
    this.target[this.position++] = byte
  }

  addition(code: number): void {
    this.byte(ESCAPE)
    this.byte(code)
  }

  /** The header of an array. */
  length(count: number): void {
    if (count < 0x10) this.byte(0x90 | count)
    else this.lengthOf(0xdc, count)
  }

  /** `tag` is that of the 16-bit form. The tag of the 32-bit form is the next number. */
  protected lengthOf(tag: number, length: number): void {
    if (length < 0x1_0000) {
      this.header16(tag, length)
    } else {
      this.byte(tag + 1)
      this.#view.setUint32(this.position, length)
      this.position += 4
    }
  }

  protected number(value: number): void {
    if (value >>> 0 === value) {
      if (value >= 0x80) this.#unsigned(0xcc, value)
      else if (value === 0 && Object.is(value, -0)) this.#double(value)
      else this.byte(value)
    } else if (value >> 0 === value) {
      this.#negative(value)
    } else {
      this.#double(value)
    }
  }

  /** Writes the tag of the shortest of three lengths, and the number. */
  #unsigned(tag: number, value: number): void {
    if (value < 0x100) {
      this.byte(tag)
      this.byte(value)
    } else if (value < 0x1_0000) {
      this.header16(tag + 1, value)
    } else {
      this.byte(tag + 2)
      this.#view.setUint32(this.position, value)
      this.position += 4
    }
  }

  protected header16(tag: number, value: number): void {
    this.byte(tag)
    this.byte(value >> 8)
    this.byte(value & 0xff)
  }

  #negative(value: number): void {
    if (value >= -0x20) {
      this.byte(value & 0xff)
    } else if (value >= -0x80) {
      this.byte(0xd0)
      this.byte(value & 0xff)
    } else if (value >= -0x8000) {
      this.header16(0xd1, value & 0xffff)
    } else {
      this.byte(0xd2)
      this.#view.setInt32(this.position, value)
      this.position += 4
    }
  }

  #double(value: number): void {
    this.byte(0xcb)
    this.#view.setFloat64(this.position, value)
    this.position += 8
  }

  protected bigint(value: bigint): boolean {
    if (isLongBigint(value)) {
      this.addition(Addition.BIGINT)
      return this.text(value.toString(16))
    }
    this.byte(value > INT64_MAX ? 0xcf : 0xd3)
    this.#view.setBigUint64(this.position, BigInt.asUintN(64, value))
    this.position += 8
    return true
  }

  protected text(text: string): boolean {
    const { length } = text
    if (length >= TEXT_LENGTH_SHORT) return this.#longText(text)
    if (!this.reserve(length)) return false
    const target = this.target
    let at = this.position
    if (length < 0x20) {
      target[at++] = 0xa0 | length
    } else {
      target[at++] = 0xd9
      target[at++] = length
    }
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index)
      if (unit >= 0x80) return this.#longText(text)
      target[at++] = unit
    }
    this.position = at
    return true
  }

  #longText(text: string): boolean {
    // UTF-8 would replace lone surrogates by U+FFFD.
    if (!text.isWellFormed()) {
      if (!this.reserve(0)) return false
      this.addition(Addition.UTF16)
      return this.binary(Buffer.from(text, 'utf16le'), LeafCode.BUFFER)
    }
    const bytesMax = text.length <= TEXT_LENGTH_LONG ? 3 * text.length : Buffer.byteLength(text)
    if (bytesMax > TEXT_BYTES_MAX || !this.reserve(bytesMax)) return false
    const start = this.position
    // The length is not known yet. A header for the longest possible text is also valid for a shorter one.
    const headerBytes = bytesMax < 0x100 ? 2 : bytesMax < 0x1_0000 ? 3 : 5
    const bytes = this.target.write(text, start + headerBytes)
    if (headerBytes === 2) {
      this.byte(0xd9)
      this.byte(bytes)
    } else if (headerBytes === 3) {
      this.header16(0xda, bytes)
    } else {
      this.byte(0xdb)
      this.#view.setUint32(this.position, bytes)
    }
    this.position = start + headerBytes + bytes
    return true
  }

  protected binary(bytes: Uint8Array, code: number): boolean {
    const { length } = bytes
    if (code === LeafCode.BUFFER) {
      this.#unsigned(0xc4, length)
    } else {
      this.#unsigned(0xc7, length + 1)
      this.byte(TYPED_ARRAY)
      this.byte(code)
    }
    if (!this.reserve(length)) return false
    this.target.set(bytes, this.position)
    this.position += length
    return true
  }

  /** Timestamps of MessagePack: the shortest and the longest of the three. */
  protected date(timeMs: number): void {
    const seconds = Math.floor(timeMs / 1000)
    const nanoseconds = (timeMs - seconds * 1000) * 1_000_000
    if (Number.isNaN(timeMs)) {
      // A length that no valid timestamp has.
      this.byte(0xd4)
      this.byte(TIMESTAMP)
      this.byte(TIMESTAMP)
    } else if (nanoseconds === 0 && seconds >>> 0 === seconds) {
      this.byte(0xd6)
      this.byte(TIMESTAMP)
      this.#view.setUint32(this.position, seconds)
      this.position += 4
    } else {
      this.byte(0xc7)
      this.byte(12)
      this.byte(TIMESTAMP)
      this.#view.setUint32(this.position, nanoseconds)
      this.#view.setBigInt64(this.position + 4, BigInt(seconds))
      this.position += 12
    }
  }
}
