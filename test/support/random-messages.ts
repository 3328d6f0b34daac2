export type RoundCodec = 'msgpack' | 'bytes' | 'own'

/** A number, and bytes that follow from their length. */
interface RandomMessage {
  readonly n: number
  readonly body: Uint8Array
}

const NUMBER = Symbol('number')

/** Creates a message for a codec. `next` returns its number, and `called` runs inside its accessor. */
export function randomMessage(
  codec: RoundCodec,
  length: number,
  next: () => number,
  called: () => void,
): unknown {
  const body = Buffer.alloc(length, length)
  if (codec === 'bytes') {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(next())
    return Buffer.concat([head, body])
  }
  let n = 0
  const message = {
    body,
    get inner() {
      return called()
    },
    // Last: messages that accessors send precede this one.
    get n() {
      n = next()
      return n
    },
  }
  return Object.defineProperty(message, NUMBER, { value: () => n, enumerable: false })
}

/** The number of a sent message. */
export function numberOf(message: unknown): number {
  const number = (message as { [NUMBER]?: () => number })[NUMBER]
  return number === undefined ? (message as Buffer).readUInt32LE(0) : number()
}

/** The number of a received message. */
export function readRandomMessage(codec: RoundCodec, message: unknown): { n: number; whole: boolean } {
  const bytes = message as Buffer
  const { n, body } =
    codec === 'bytes' ? { n: bytes.readUInt32LE(0), body: bytes.subarray(4) } : (message as RandomMessage)
  return { n, whole: body.every((byte) => byte === (body.length & 255)) }
}

/** Fills a claim with a message. */
export function fillClaim(claimed: Uint8Array, n: number): void {
  const bytes = Buffer.from(claimed.buffer, claimed.byteOffset, claimed.length)
  bytes.fill(claimed.length - 4)
  bytes.writeUInt32LE(n)
}
