import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SendBuffer } from '../../../../src/gateway/tunnel/send-buffer.js'
import { UnreadBytes } from '../../../../src/gateway/tunnel/unread-bytes.js'
import { bytesAt } from '../../../support/tunnel-wire.js'

const BYTES_MAX = 300_000

describe('SendBuffer', () => {
  it('keeps what is not released, within its bound, and shows it from any position', () => {
    const step = fc.record({ append: fc.nat(150_000), release: fc.double({ min: 0, max: 1, noNaN: true }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const buffer = new SendBuffer(BYTES_MAX)
        for (const { append, release } of steps) {
          const room = BYTES_MAX - (buffer.end - buffer.start)
          const bytes = bytesAt(buffer.end, append)
          expect(buffer.append(bytes)).toBe(Math.min(room, append))
          buffer.release(buffer.start + Math.floor(release * (buffer.end - buffer.start)))
          for (let at = buffer.start; at < buffer.end; ) {
            const view = buffer.view(at, buffer.end)
            expect(view.length).toBeGreaterThan(0)
            expect(view.equals(bytesAt(at, view.length))).toBe(true)
            at += view.length
          }
        }
      }),
      { numRuns: 50 },
    )
  })

  it('shows no byte at or after the limit', () => {
    const buffer = new SendBuffer(100)
    buffer.append(Buffer.from('abcdef'))
    expect(buffer.view(1, 3).toString()).toBe('bc')
  })
})

describe('UnreadBytes', () => {
  it('returns the bytes in their order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ append: fc.nat(100_000), takes: fc.nat(2) }), { maxLength: 15 }),
        (steps) => {
          const unread = new UnreadBytes()
          let [written, read] = [0, 0]
          const take = (): void => {
            const bytes = unread.take()
            if (bytes === undefined) return
            expect(bytes.equals(bytesAt(read, bytes.length))).toBe(true)
            read += bytes.length
          }
          for (const { append, takes } of steps) {
            unread.append(bytesAt(written, append))
            written += append
            for (let count = 0; count < takes; count += 1) take()
          }
          while (!unread.isEmpty) take()
          expect(read).toBe(written)
        },
      ),
      { numRuns: 50 },
    )
  })
})
