import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { FrameParser } from '../../../src/wire/frame-parser.js'
import { encodeFrame, recordBound } from '../../../src/wire/frames.js'

interface Frame {
  kind: number
  id: number
  payload: string
}

const BYTES_MAX = 300

const frames = fc.array(
  fc.record({
    kind: fc.integer({ min: 1, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffffffff }),
    payload: fc.uint8Array({ maxLength: BYTES_MAX }).map((bytes) => Buffer.from(bytes).toString('hex')),
  }),
  { maxLength: 20 },
)

function stream(list: readonly Frame[]): Buffer {
  return Buffer.concat(
    list.map(({ kind, id, payload }) => encodeFrame(kind, id, Buffer.from(payload, 'hex'))),
  )
}

/** Cuts at the given positions, modulo the length. Every chunk has memory of its own, as a socket's has. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return at.slice(1).map((end, index) => Buffer.from(bytes.subarray(at[index], end)))
}

function collector(): { list: Frame[]; handler: (kind: number, id: number, payload: Buffer) => boolean } {
  const list: Frame[] = []
  return {
    list,
    handler: (kind, id, payload) => {
      list.push({ kind, id, payload: payload.toString('hex') })
      return true
    },
  }
}

describe('FrameParser', () => {
  it('yields the frames, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(10_000), { maxLength: 60 }), (sent, cuts) => {
        const parser = new FrameParser(recordBound(BYTES_MAX))
        const { list, handler } = collector()
        for (const chunk of split(stream(sent), cuts)) {
          parser.push(chunk)
          expect(parser.parse(handler)).toBe(true)
        }
        expect(list).toEqual(sent)
        expect(parser.isEmpty).toBe(true)
      }),
    )
  })

  it('yields the frames byte by byte', () => {
    const sent = [
      { kind: 1, id: 7, payload: '' },
      { kind: 255, id: 0xffffffff, payload: '00ff'.repeat(20) },
    ]
    const parser = new FrameParser(recordBound(BYTES_MAX))
    const { list, handler } = collector()
    for (const byte of stream(sent)) {
      parser.push(Buffer.from([byte]))
      parser.parse(handler)
    }
    expect(list).toEqual(sent)
  })

  it('stops and continues anywhere, loses no frame when the handler throws, and accepts chunks meanwhile', () => {
    const steps = fc.array(fc.constantFrom('go', 'stop', 'throw'), { maxLength: 40 })
    fc.assert(
      fc.property(frames, fc.array(fc.nat(10_000), { maxLength: 20 }), steps, (sent, cuts, script) => {
        const parser = new FrameParser(recordBound(BYTES_MAX))
        const { list, handler } = collector()
        const chunks = split(stream(sent), cuts)
        for (;;) {
          const chunk = chunks.shift()
          if (chunk !== undefined) parser.push(chunk)
          try {
            const more = parser.parse((...frame) => {
              handler(...frame)
              const step = script.shift()
              if (step === 'throw') throw new Error('of the handler')
              return step !== 'stop'
            })
            if (more && chunk === undefined) break
          } catch (error) {
            expect((error as Error).message).toBe('of the handler')
          }
        }
        expect(list).toEqual(sent)
      }),
    )
  })

  it('keeps unparsed bytes: another bound and another handler continue where the first stopped', () => {
    const parser = new FrameParser((kind) => (kind === 300 ? 10 : -1))
    parser.push(
      Buffer.concat([
        encodeFrame(300, 0, Buffer.from('{}')),
        encodeFrame(1, 2, Buffer.from('x')).subarray(0, 5),
      ]),
    )
    expect(parser.parse(() => false)).toBe(false)
    parser.bound = recordBound(1)
    expect(parser.isEmpty).toBe(false)
    const { list, handler } = collector()
    expect(parser.parse(handler)).toBe(true)
    expect(list).toEqual([])
    parser.push(encodeFrame(1, 2, Buffer.from('x')).subarray(5))
    expect(parser.parse(handler)).toBe(true)
    expect(list).toEqual([{ kind: 1, id: 2, payload: '78' }])
  })

  it('delivers a view of the chunk when it contains the whole payload', () => {
    const parser = new FrameParser(recordBound(BYTES_MAX))
    const chunk = encodeFrame(1, 0, Buffer.from('hello'))
    parser.push(chunk)
    parser.parse((_kind, _id, payload) => {
      expect(payload.buffer).toBe(chunk.buffer)
      expect(payload.byteOffset).toBe(chunk.byteOffset + 12)
      return true
    })
  })

  it('yields the frames of a borrowed chunk that is cut at any byte, after its memory has changed', () => {
    const sent = [
      { kind: 1, id: 7, payload: '' },
      { kind: 2, id: 8, payload: '0123456789' },
      { kind: 255, id: 0xffffffff, payload: '00ff'.repeat(20) },
    ]
    const bytes = stream(sent)
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const parser = new FrameParser(recordBound(BYTES_MAX))
      const received: [number, number, Buffer][] = []
      for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        const memory = Buffer.from(part)
        parser.pushBorrowed(memory)
        expect(parser.parse((...frame) => received.push(frame) > 0)).toBe(true)
        parser.keepBorrowed()
        memory.fill(0xee)
      }
      expect(received.map(([kind, id, payload]) => ({ kind, id, payload: payload.toString('hex') }))).toEqual(
        sent,
      )
      expect(parser.isEmpty).toBe(true)
    }
  })

  it('keeps the rest of a borrowed chunk when the handler stops, and the chunks after it', () => {
    const parser = new FrameParser(recordBound(BYTES_MAX))
    const memory = Buffer.alloc(BYTES_MAX)
    const ids: string[] = []
    for (let id = 0; id < 6; id += 2) {
      const two = stream([id, id + 1].map((each) => ({ kind: 1, id: each, payload: `0${each}` })))
      two.copy(memory)
      parser.pushBorrowed(memory.subarray(0, two.length))
      expect(parser.parse((_kind, each, payload) => ids.push(`${each} ${payload.toString('hex')}`) < 0)).toBe(
        false,
      )
      parser.keepBorrowed()
      memory.fill(0xee)
    }
    expect(parser.heldBytes).toBeGreaterThan(0)
    while (!parser.parse((_kind, each, payload) => ids.push(`${each} ${payload.toString('hex')}`) < 0));
    expect(ids).toEqual(['0 00', '1 01', '2 02', '3 03', '4 04', '5 05'])
  })

  it('copies small payloads of borrowed chunks into small memory, and long ones alone', () => {
    const parser = new FrameParser(recordBound(64 * 1024))
    const receive = (payloads: readonly number[]): Buffer[] => {
      const received: Buffer[] = []
      parser.pushBorrowed(Buffer.concat(payloads.map((bytes) => encodeFrame(1, 0, Buffer.alloc(bytes, 1)))))
      parser.parse((_kind, _id, payload) => received.push(payload) > 0)
      parser.keepBorrowed()
      return received
    }
    const [one] = receive([64])
    const [other] = receive([64])
    expect(one?.buffer).toBe(other?.buffer)
    expect(one?.buffer.byteLength).toBeLessThanOrEqual(8 * 1024)
    const [small, long] = receive([64, 20_000])
    expect(small?.buffer.byteLength).toBeLessThan(20_200)
    expect(long?.length).toBe(20_000)
    const [alone] = receive([20_000])
    expect(alone?.buffer.byteLength).toBe(20_000)
  })

  it('copies a payload of many chunks once: the time does not grow with the square', () => {
    const parser = new FrameParser(recordBound(64 << 20))
    const sent = encodeFrame(1, 0, Buffer.alloc(64 << 20, 5))
    let received = 0
    for (let start = 0; start < sent.length; start += 4096) {
      parser.push(sent.subarray(start, start + 4096))
      parser.parse((_kind, _id, payload) => {
        received = payload.length
        expect(payload.buffer).not.toBe(sent.buffer)
        return true
      })
    }
    expect(received).toBe(64 << 20)
  })

  it('rejects a header before the payload arrives, and again at every call', () => {
    const parser = new FrameParser(recordBound(16))
    const header = encodeFrame(1, 0, Buffer.alloc(17)).subarray(0, 12)
    parser.push(header.subarray(0, 11))
    expect(parser.parse(() => true)).toBe(true)
    parser.push(header.subarray(11))
    for (let tries = 0; tries < 3; tries += 1) {
      expect(() => parser.parse(() => true)).toThrow(expect.objectContaining({ code: ErrorCode.CORRUPT }))
      parser.push(encodeFrame(1, 0, Buffer.alloc(1)))
    }
  })

  it('rejects a header of two chunks again when no more bytes have arrived', () => {
    const parser = new FrameParser(recordBound(16))
    const header = encodeFrame(1, 0, Buffer.alloc(17)).subarray(0, 12)
    parser.push(header.subarray(0, 7))
    parser.parse(() => true)
    parser.push(header.subarray(7))
    for (let tries = 0; tries < 3; tries += 1)
      expect(() => parser.parse(() => true)).toThrow(expect.objectContaining({ code: ErrorCode.CORRUPT }))
    expect(parser.isEmpty).toBe(false)
  })

  it('delivers the frames before a bad frame', () => {
    const parser = new FrameParser(recordBound(16))
    const { list, handler } = collector()
    parser.push(Buffer.concat([encodeFrame(1, 1, Buffer.alloc(0)), encodeFrame(999, 1, Buffer.alloc(0))]))
    expect(() => parser.parse(handler)).toThrow('kind 999')
    expect(list).toHaveLength(1)
  })

  it('never crashes or hangs on random bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (chunks) => {
        const parser = new FrameParser(recordBound(64))
        try {
          for (const chunk of chunks) {
            parser.push(Buffer.from(chunk))
            parser.parse((kind, _id, payload) => kind >= 1 && kind <= 255 && payload.length <= 64)
          }
        } catch (error) {
          expect(error).toMatchObject({ code: ErrorCode.CORRUPT })
        }
      }),
    )
  })

  it('returns raw bytes across chunks, and none while there are too few', () => {
    const parser = new FrameParser(recordBound(1))
    parser.push(Buffer.from('SHM'))
    expect(parser.take(8)).toBeUndefined()
    parser.push(Buffer.from('W1234'))
    parser.push(encodeFrame(1, 0, Buffer.from('x')))
    expect(parser.take(8)?.toString()).toBe('SHMW1234')
    const { list, handler } = collector()
    parser.parse(handler)
    expect(list).toHaveLength(1)
  })

  it('takes memory of its owner for a payload of several chunks only', () => {
    const asked: number[] = []
    const parser = new FrameParser(recordBound(100))
    parser.newBuffer = (bytes) => {
      asked.push(bytes)
      return Buffer.alloc(bytes, 'old')
    }
    const { list, handler } = collector()
    const whole = encodeFrame(1, 0, Buffer.from('whole'))
    const long = encodeFrame(1, 0, Buffer.from('in parts'))
    parser.push(Buffer.concat([whole, long.subarray(0, 15)]))
    parser.parse(handler)
    expect(list).toHaveLength(1)
    parser.push(long.subarray(15))
    parser.parse(handler)
    expect(asked).toEqual([8])
    expect(list).toHaveLength(2)
    expect(list[1]?.payload).toBe(Buffer.from('in parts').toString('hex'))
  })

  it('is OUT_OF_MEMORY if its owner has no memory', () => {
    const parser = new FrameParser(recordBound(100))
    parser.newBuffer = () => {
      throw new RangeError('Array buffer allocation failed')
    }
    parser.push(encodeFrame(1, 0, Buffer.alloc(50)).subarray(0, 20))
    expect(() => parser.parse(() => true)).toThrow(
      expect.objectContaining({ code: ErrorCode.OUT_OF_MEMORY }) as Error,
    )
  })

  it('is empty after clear, in whatever state it was', () => {
    const frame = encodeFrame(1, 0, Buffer.alloc(100))
    for (const bytes of [0, 5, 12, 50]) {
      const parser = new FrameParser(recordBound(100))
      parser.push(frame.subarray(0, bytes))
      parser.parse(() => true)
      parser.clear()
      expect(parser.isEmpty).toBe(true)
      const { list, handler } = collector()
      parser.push(frame)
      parser.parse(handler)
      expect(list).toHaveLength(1)
    }
  })
})
