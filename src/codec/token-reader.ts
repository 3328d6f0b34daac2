import { Cost, DecodeBudget, DecodeLimitError } from './decode-budget.js'
import { byteAt, shortAscii } from './short-ascii.js'
import { TEXT_BYTES_MAX } from './tree-format.js'

/** From this length on, a DataView is worth its creation: it reads a float three times as fast as byte by byte. */
const VIEW_BYTES_MIN = 512

/** Up to this length, an ASCII text is created here, character by character. */
export const TEXT_BYTES_SHORT = 15

const EMPTY = Buffer.alloc(0)
const NO_BUDGET = new DecodeBudget(0)

/** Eight bytes of a message, to read one number. */
const scratchBytes = new Uint8Array(8)
const scratch = new DataView(scratchBytes.buffer)

/** Reads the numbers, texts and bytes of MessagePack from one message after the other, and pays for their memory. */
export class TokenReader {
  protected bytes: Buffer = EMPTY
  protected position = 0
  /** The rest of the budget. A local count is faster, because the budget is read only once for each message. */
  #leftBytes = 0
  #budget: DecodeBudget = NO_BUDGET
  #view: DataView | undefined

  protected begin(bytes: Buffer, budget: DecodeBudget, start: number): void {
    this.bytes = bytes
    this.position = start
    this.#budget = budget
    this.#leftBytes = budget.limitBytes
    if (bytes.length >= VIEW_BYTES_MIN)
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Throws if the value does not end where the message ends. */
  protected end(): void {
    const { length } = this.bytes
    if (this.position > length) throw truncated()
    if (this.position < length)
      throw new TypeError(`the value ends after ${this.position} of ${length} bytes`)
    this.#budget.leftBytes = this.#leftBytes
  }

  /** Drops all references to the message. */
  protected clear(): void {
    this.bytes = EMPTY
    this.#view = undefined
  }

  /** Called before memory is allocated. */
  spend(bytes: number): void {
    this.#leftBytes -= bytes
    if (this.#leftBytes < 0) this.#budget.exceed(this.#leftBytes)
  }

  // These do not check the end. The next value, or the end of the message, finds a position beyond it.

  protected byte(): number {
    return this.bytes[this.position++] as number
  }

  protected uint16(): number {
    const position = this.position
    this.position = position + 2
    return (byteAt(this.bytes, position) << 8) | byteAt(this.bytes, position + 1)
  }

  protected uint32(): number {
    return ((this.uint16() << 16) | this.uint16()) >>> 0
  }

  protected eight(): DataView {
    const bytes = this.bytes
    const position = this.position
    this.position = position + 8
    // Without a loop, because each float of a short message is read here.
    scratchBytes[0] = byteAt(bytes, position)
    scratchBytes[1] = byteAt(bytes, position + 1)
    scratchBytes[2] = byteAt(bytes, position + 2)
    scratchBytes[3] = byteAt(bytes, position + 3)
    scratchBytes[4] = byteAt(bytes, position + 4)
    scratchBytes[5] = byteAt(bytes, position + 5)
    scratchBytes[6] = byteAt(bytes, position + 6)
    scratchBytes[7] = byteAt(bytes, position + 7)
    return scratch
  }

  protected largeInteger(): number {
    const value = this.uint32()
    if (value > 0x7fff_ffff) this.spend(Cost.NUMBER)
    return value
  }

  protected float32(): number {
    this.spend(Cost.NUMBER)
    scratch.setUint32(0, this.uint32())
    return scratch.getFloat32(0)
  }

  protected float64(): number {
    this.spend(Cost.NUMBER)
    if (this.#view === undefined) return this.eight().getFloat64(0)
    const position = this.position
    this.position = position + 8
    return this.#view.getFloat64(position)
  }

  /** The next `length` bytes, a view of the message. */
  protected take(length: number): Buffer {
    const start = this.position
    const end = start + length
    if (!(end <= this.bytes.length)) throw truncated()
    this.position = end
    this.spend(Cost.VIEW)
    return this.bytes.subarray(start, end)
  }

  protected text(length: number): string {
    const start = this.position
    const end = start + length
    if (!(end <= this.bytes.length)) throw truncated()
    this.position = end
    if (length <= TEXT_BYTES_SHORT) {
      let bits = 0
      for (let at = start; at < end; at++) bits |= byteAt(this.bytes, at)
      if (bits < 0x80) {
        // The engine has a constant string for each single character.
        if (length > 1) this.spend(Cost.TEXT + length)
        return shortAscii(this.bytes, start, length)
      }
    }
    if (length > TEXT_BYTES_MAX) throw tooLong(length)
    this.spend(Cost.TEXT + 2 * length)
    // Without a name, the encoding is UTF-8, without a search.
    return this.bytes.toString(undefined, start, end)
  }

  /** Binary data that is a part of another value. */
  readBytes(): Buffer {
    const token = this.byte()
    if (token === 0xc4) return this.take(this.byte())
    if (token === 0xc5) return this.take(this.uint16())
    if (token === 0xc6) return this.take(this.uint32())
    throw new TypeError('malformed value: it has no bytes')
  }
}

function tooLong(bytes: number): DecodeLimitError {
  return new DecodeLimitError(
    `a string has ${bytes} bytes of UTF-8, more than ${TEXT_BYTES_MAX}, the most that Node.js can decode; have the peer send parts`,
  )
}

export function truncated(): TypeError {
  return new TypeError('the message ends too early')
}
