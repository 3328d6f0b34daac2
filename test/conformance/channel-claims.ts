import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Claim } from '../../src/channel/claims.js'
import { ErrorCode } from '../../src/errors.js'
import { fillByStream } from '../support/byte-stream.js'
import { collectGarbage } from '../support/garbage.js'
import { eventually, turns } from '../support/turns.js'
import { type ChannelFixture, ended, MESSAGE_BYTES_MAX, RING_BYTES, take } from './channel-fixture.js'

/** Claims: messages that the caller creates in the ring. */
export function channelClaims(fixture: ChannelFixture): void {
  const { inlineBytesMax, name, pattern } = fixture
  const join = () => fixture.join({ codec: 'bytes' })

  describe(`channel over ${name}: claims`, () => {
    it('arrive as filled, with every length and among other messages', async () => {
      const [left, right] = await join()
      const lengths = [0, 1, 64, inlineBytesMax, inlineBytesMax + 1, RING_BYTES, 3 * RING_BYTES]
      const sent: Buffer[] = []
      const sending = (async () => {
        for (const [index, length] of lengths.entries()) {
          const bytes = Buffer.alloc(length, index + 1)
          let claim = left.claim(length)
          while (claim === null) {
            await once(left, 'drain')
            claim = left.claim(length)
          }
          expect(claim.bytes.length).toBe(length)
          claim.bytes.set(bytes)
          claim.commit()
          sent.push(bytes, pattern.message(index))
          await left.send(pattern.message(index))
        }
      })()
      const taken = await take(right, 2 * lengths.length)
      await sending
      expect(taken.findIndex((bytes, index) => !bytes.equals(sent[index] as Buffer))).toBe(-1)
      expect(left.stats().messagesSent).toBe(2 * lengths.length)
      await left.close()
    })

    it('contain no memory of this process if they are not filled', async () => {
      const [left, right] = await join()
      const secret = Buffer.from('another channel’s text ')
      for (const length of [1000, inlineBytesMax + 1, 100_000]) {
        // The allocator soon returns this memory again.
        for (let count = 0; count < 50; count += 1) Buffer.allocUnsafeSlow(length).fill(secret)
        collectGarbage()
        const claim = left.claim(length) as Claim
        claim.bytes[0] = 1
        claim.commit()
        const [message] = await take(right, 1)
        expect(message?.length).toBe(length)
        expect(message?.includes(secret)).toBe(false)
      }
      await left.close()
    })

    it('are refused, or sent from their ring, after their memory was transferred', async () => {
      const [left, right] = await join()
      const claim = left.claim(100) as Claim
      const filled = await fillByStream(claim.bytes, 7)
      expect(filled.length).toBe(100)
      const inPlace = claim.bytes.buffer !== filled.buffer && filled.buffer.byteLength >= RING_BYTES
      if (inPlace) claim.commit()
      else expect(() => claim.commit()).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_STATE }))
      claim.abort()
      expect(left.trySend(Buffer.from('end'))).toBe(true)
      const expected = [...(inPlace ? [Buffer.alloc(100, 7)] : []), Buffer.from('end')]
      expect(await take(right, expected.length)).toEqual(expected)
      await left.close()
    })

    it('can be committed with a shorter length, or aborted', async () => {
      const [left, right] = await join()
      const first = left.claim(100) as Claim
      first.bytes.fill(1)
      first.commit(3)
      const second = left.claim(100) as Claim
      second.bytes.fill(2)
      second.abort()
      second.abort()
      expect(left.trySend(Buffer.from('end'))).toBe(true)
      expect(await take(right, 2)).toEqual([Buffer.alloc(3, 1), Buffer.from('end')])
      await left.close()
    })

    it('keep later messages waiting, and drain follows', async () => {
      const [left, right] = await join()
      const seen: string[] = []
      right.on('message', (message: Buffer) => seen.push(message.toString()))
      right.handle((message: Buffer) => {
        seen.push(message.toString())
        return message
      })
      const claim = left.claim(5) as Claim
      expect(left.trySend(Buffer.from('refused'))).toBe(false)
      const waits = [left.send(Buffer.from('second')), left.request(Buffer.from('third'))]
      let drained = 0
      left.on('drain', () => {
        drained += 1
      })
      await turns(20)
      expect(seen).toEqual([])
      expect(drained).toBe(0)
      claim.bytes.set(Buffer.from('first'))
      claim.commit()
      await Promise.all(waits)
      expect(seen).toEqual(['first', 'second', 'third'])
      expect(drained).toBe(1)
      await left.close()
    })

    it('release the waiting messages when they are aborted', async () => {
      const [left, right] = await join()
      const claim = left.claim(5) as Claim
      const sent = left.send(Buffer.from('behind'))
      claim.abort()
      await sent
      expect(await take(right, 1)).toEqual([Buffer.from('behind')])
      await left.close()
    })

    it('are null while there is no room, and drain follows', async () => {
      const [left, right] = await join()
      const length = Math.min(inlineBytesMax, RING_BYTES / 8)
      let count = 0
      for (;;) {
        const claim = left.claim(length)
        if (claim === null) break
        claim.bytes.fill(count)
        claim.commit()
        count += 1
      }
      expect(count).toBeGreaterThan(0)
      const drained = once(left, 'drain')
      const taken = await take(right, count)
      await drained
      expect(taken.map((message) => message[0])).toEqual(taken.map((_, index) => index & 0xff))
      left.claim(1)?.commit()
      await left.close()
    })

    it('delay a close, and are sent before it', async () => {
      const [left, right] = await join()
      const messages: Buffer[] = []
      right.on('message', (message: Buffer) => messages.push(Buffer.from(message)))
      const claim = left.claim(10) as Claim
      let closed = false
      const closing = left.close().then(() => {
        closed = true
      })
      await turns(20)
      expect(closed).toBe(false)
      claim.bytes.fill(9)
      claim.commit()
      await closing
      expect(messages).toEqual([Buffer.alloc(10, 9)])
    })

    it('do not delay a close of the peer, and are invalid then', async () => {
      const [left, right] = await join()
      const claim = left.claim(100) as Claim
      const behind = left.send(Buffer.from('behind it'))
      behind.catch(() => {})
      await right.close({ timeoutMs: 20_000 })
      await eventually(() => !left.open)
      claim.bytes.fill(1)
      expect(() => claim.commit()).toThrow(expect.objectContaining({ code: ErrorCode.CLOSED }))
      claim.abort()
      await expect(behind).rejects.toMatchObject({ code: ErrorCode.CLOSED })
    })

    it('emit drain in a later turn, not inside commit or abort', async () => {
      const [left, right] = await join()
      right.on('message', () => {})
      const first = left.claim(8) as Claim
      expect(left.trySend(Buffer.from('refused'))).toBe(false)
      let drained = false
      left.once('drain', () => {
        drained = true
      })
      first.commit()
      expect(drained).toBe(false)
      await turns(2)
      expect(drained).toBe(true)
      await left.close()
    })

    it('end with the channel, and their memory stays valid while it is referenced', async () => {
      const [other, gone] = await join()
      const lost = other.claim(10) as Claim
      gone.destroy()
      await ended(other)
      expect(() => lost.commit()).toThrow(expect.objectContaining({ code: ErrorCode.PEER_GONE }))
      lost.bytes.fill(1)
      expect(Buffer.alloc(10, 1).equals(lost.bytes)).toBe(true)
      expect(() => other.claim(1)).toThrow(expect.objectContaining({ code: ErrorCode.PEER_GONE }))
    })

    it('are refused with the reason', async () => {
      const [left] = await join()
      const refused = (code: string, call: () => unknown) =>
        expect(call).toThrow(expect.objectContaining({ code }))
      const { INVALID_ARGUMENT, INVALID_STATE, MESSAGE_TOO_LARGE } = ErrorCode
      for (const bytes of [-1, 1.5, Number.NaN, '8' as unknown as number])
        refused(INVALID_ARGUMENT, () => left.claim(bytes))
      refused(MESSAGE_TOO_LARGE, () => left.claim(MESSAGE_BYTES_MAX + 1))
      const claim = left.claim(10) as Claim
      refused(INVALID_STATE, () => left.claim(10))
      for (const length of [-1, 11, 0.5]) refused(INVALID_ARGUMENT, () => claim.commit(length))
      claim.commit(10)
      refused(INVALID_STATE, () => claim.commit())
      const [values] = await fixture.join()
      refused(INVALID_ARGUMENT, () => values.claim(10))
    })

    it('corrupt no message, by the thousand and with every length that fits', async () => {
      const [left, right] = await join()
      let wrong = 0
      let got = 0
      right.on('message', (message: Buffer) => {
        if (!message.equals(pattern.message(got))) wrong += 1
        got += 1
      })
      for (let index = 0; index < 3_000; index += 1) {
        const message = pattern.message(index)
        let claim = left.claim(message.length)
        while (claim === null) {
          await once(left, 'drain')
          claim = left.claim(message.length)
        }
        claim.bytes.set(message)
        claim.commit()
      }
      await eventually(() => got === 3_000)
      expect(wrong).toBe(0)
      await left.close()
    })
  })
}
