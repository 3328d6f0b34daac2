import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect } from 'vitest'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { FrameParser } from '../../src/wire/frame-parser.js'
import { encodeFrame, FRAME_HEADER_BYTES, FrameKind, type PayloadBound } from '../../src/wire/frames.js'
import { fuzz } from '../support/fuzz.js'

const BYTES_MAX = 200
/** The memory that small payloads share. */
const SLAB_BYTES = 8 * 1024
/** A kind without a payload. */
const EMPTY_KIND = 272
/** Records as on a socket link, one frame of the handshake, and one without a payload. */
const bound: PayloadBound = (kind) => {
  if (kind === EMPTY_KIND) return 0
  return (kind >= 1 && kind <= 255) || kind === FrameKind.HELLO ? BYTES_MAX : -1
}

interface Header {
  readonly length: number
  readonly kind: number
  readonly flags: number
  readonly id: number
}

/** A header with arbitrary values, before arbitrary bytes. */
const forged = fc
  .record({
    length: fc.oneof(fc.nat(BYTES_MAX + 5), fc.integer({ min: 0, max: 0xffffffff })),
    kind: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff })),
    flags: fc.oneof({ arbitrary: fc.constant(0), weight: 9 }, fc.integer({ min: 0, max: 0xffff })),
    id: fc.integer({ min: 0, max: 0xffffffff }),
    body: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ body, ...header }) => Buffer.concat([headerOf(header), body]))

const honest = fc
  .record({
    kind: fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constant(FrameKind.HELLO as number)),
    id: fc.integer({ min: 0, max: 0xffffffff }),
    payload: fc.uint8Array({ maxLength: BYTES_MAX }),
  })
  .map(({ kind, id, payload }) => encodeFrame(kind, id, payload))

const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))
const empty = fc.constant(encodeFrame(EMPTY_KIND, 0, new Uint8Array(0)))

const stream = fc
  .array(fc.oneof({ arbitrary: honest, weight: 6 }, { arbitrary: empty, weight: 2 }, forged, noise), {
    maxLength: 12,
  })
  .map((parts) => Buffer.concat(parts))

const cuts = fc.array(fc.nat(4_000), { maxLength: 30 })
const stops = fc.array(fc.boolean(), { maxLength: 12 })

function headerOf({ length, kind, flags, id }: Header): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES)
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt16LE(kind, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeUInt32LE(id, 8)
  return bytes
}

interface Outcome {
  readonly frames: string[]
  readonly error: string | undefined
  readonly isEmpty: boolean
}

/** The expected frames of the whole stream, computed slowly and plainly after docs/protocol.md, section 4. */
function expected(bytes: Buffer): Outcome {
  const frames: string[] = []
  let at = 0
  while (bytes.length - at >= FRAME_HEADER_BYTES) {
    const length = bytes.readUInt32LE(at)
    const kind = bytes.readUInt16LE(at + 4)
    const bytesMax = bound(kind)
    if (bytesMax < 0 || bytes.readUInt16LE(at + 6) !== 0 || length > bytesMax)
      return { frames, error: ErrorCode.CORRUPT, isEmpty: false }
    const end = at + FRAME_HEADER_BYTES + length
    if (end > bytes.length) break
    frames.push(`${kind} ${bytes.readUInt32LE(at + 8)} ${bytes.toString('hex', end - length, end)}`)
    at = end
  }
  return { frames, error: undefined, isEmpty: at === bytes.length }
}

/** Every chunk has its own memory, like the chunks of a socket. */
function split(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [0, ...at.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.slice(1).map((end, index) => Buffer.from(bytes.subarray(ends[index], end)))
}

/** The handler stops the parser as `script` demands. The loop continues until the parser needs more bytes. */
function parseAll(chunks: readonly Buffer[], script: readonly boolean[]): Outcome {
  const parser = new FrameParser(bound)
  const frames: string[] = []
  let error: string | undefined
  let step = 0
  const handler = (kind: number, id: number, payload: Buffer): boolean => {
    frames.push(`${kind} ${id} ${payload.toString('hex')}`)
    return script[step++] !== true
  }
  for (const chunk of chunks) {
    parser.push(chunk)
    try {
      while (!parser.parse(handler));
    } catch (thrown) {
      error = codeOf(thrown)
      // The error stays, with or without more bytes.
      expect(() => parser.parse(handler)).toThrow(thrown)
      parser.push(Buffer.from(encodeFrame(1, 1, new Uint8Array(3))))
      expect(() => parser.parse(handler)).toThrow(thrown)
      break
    }
  }
  const outcome = { frames, error, isEmpty: parser.isEmpty }
  parser.clear()
  expect(parser.isEmpty).toBe(true)
  return outcome
}

/** Like a socket that reads into the same memory again and again. The payloads are read last, when that memory has changed. */
function parseBorrowed(chunks: readonly Buffer[], script: readonly boolean[]): Outcome {
  const parser = new FrameParser(bound)
  const memory = Buffer.alloc(Math.max(0, ...chunks.map((chunk) => chunk.length)))
  const frames: [kind: number, id: number, payload: Buffer][] = []
  let error: string | undefined
  let step = 0
  const parse = (): boolean =>
    parser.parse((...frame) => {
      frames.push(frame)
      return script[step++] !== true
    })
  for (const chunk of chunks) {
    chunk.copy(memory)
    parser.pushBorrowed(memory.subarray(0, chunk.length))
    try {
      // A paused link reads on: the frames that are left follow after the next chunk.
      parse()
    } catch (thrown) {
      error = codeOf(thrown)
      break
    } finally {
      parser.keepBorrowed()
      memory.fill(0xee)
    }
  }
  try {
    if (error === undefined) while (!parse());
  } catch (thrown) {
    error = codeOf(thrown)
  }
  const texts = frames.map(([kind, id, payload]) => `${kind} ${id} ${payload.toString('hex')}`)
  return { frames: texts, error, isEmpty: error === undefined && parser.isEmpty }
}

function codeOf(thrown: unknown): string {
  if (!(thrown instanceof ShmwireError)) throw thrown
  return thrown.code
}

/** Equal outcomes are the usual case, and this comparison is much faster than `expect`. */
function expectSame(outcome: Outcome, wanted: Outcome): void {
  if (!isDeepStrictEqual(outcome, wanted)) expect(outcome).toEqual(wanted)
}

/** Runs `body`. Returns the size of the largest allocation for a payload. */
function largestAllocation(body: () => void): number {
  const original = Object.getOwnPropertyDescriptor(Buffer, 'allocUnsafeSlow') as PropertyDescriptor
  const allocate = original.value as typeof Buffer.allocUnsafeSlow
  let largest = 0
  Buffer.allocUnsafeSlow = (bytes) => {
    largest = Math.max(largest, bytes)
    return allocate(bytes)
  }
  try {
    body()
  } finally {
    Object.defineProperty(Buffer, 'allocUnsafeSlow', original)
  }
  return largest
}

fuzz('frame-parser', {
  'yields the frames of the format, however the stream is cut and the parser stopped': fc.property(
    stream,
    cuts,
    stops,
    (bytes, at, script) => {
      const largest = largestAllocation(() => {
        expectSame(parseAll(split(bytes, at), script), expected(bytes))
      })
      expect(largest).toBeLessThanOrEqual(BYTES_MAX)
    },
  ),
  'yields the same frames from borrowed memory that changes afterwards': fc.property(
    stream,
    cuts,
    stops,
    (bytes, at, script) => {
      const largest = largestAllocation(() => {
        expectSame(parseBorrowed(split(bytes, at), script), expected(bytes))
      })
      expect(largest).toBeLessThanOrEqual(Math.max(SLAB_BYTES, bytes.length))
    },
  ),
  'takes the bytes before the frames across chunks, and then continues': fc.property(
    stream,
    cuts,
    fc.integer({ min: 0, max: 40 }),
    (bytes, at, count) => {
      const parser = new FrameParser(bound)
      let taken: Buffer | undefined
      const rest: Buffer[] = []
      for (const chunk of split(bytes, at)) {
        if (taken === undefined) {
          parser.push(chunk)
          taken = parser.take(count)
        } else {
          rest.push(chunk)
        }
      }
      expect(taken?.toString('hex')).toBe(count <= bytes.length ? bytes.toString('hex', 0, count) : undefined)
      if (taken === undefined) return
      const frames: string[] = []
      let error: string | undefined
      try {
        for (const chunk of [Buffer.alloc(0), ...rest]) {
          parser.push(chunk)
          parser.parse((kind, id, payload) => frames.push(`${kind} ${id} ${payload.toString('hex')}`) > 0)
        }
      } catch (thrown) {
        error = codeOf(thrown)
      }
      expectSame({ frames, error, isEmpty: parser.isEmpty }, expected(bytes.subarray(count)))
    },
  ),
})
