import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import type { Claim } from '../../src/channel/claims.js'
import { ErrorCode } from '../../src/errors.js'
import { turn } from '../support/turns.js'
import { sendUntilFull } from '../support/until-full.js'
import { type ChannelFixture, ended, firstWrong, take } from './channel-fixture.js'

/** `cork` and `uncork`: what is collected arrives in order, and never stays behind. */
export function channelCork(fixture: ChannelFixture): void {
  const { name, pattern } = fixture
  const join = () => fixture.join({ codec: 'bytes' })
  const message = (index: number): Buffer => pattern.slice(index, 50)

  const fill = (channel: Channel): Promise<number> =>
    sendUntilFull((index) => channel.trySend(message(index)))

  describe(`channel over ${name}: cork`, () => {
    it('sends what is collected at uncork, in order and with every length', async () => {
      const [left, right] = await join()
      const lengths = [0, 1, 15, 16, 17, 511, 512, 513, 9_000, 3]
      const sent = Array.from({ length: 400 }, (_, index) =>
        pattern.slice(index, lengths[index % lengths.length] as number),
      )
      const taken = take(right, sent.length)
      left.cork()
      for (const bytes of sent) while (!left.trySend(bytes)) await once(left, 'drain')
      left.uncork()
      expect(firstWrong(await taken, (index) => sent[index] as Buffer)).toBe(-1)
      expect(left.stats().messagesSent).toBe(sent.length)
      expect(left.stats().bytesSent).toBe(sent.reduce((sum, { length }) => sum + length, 0))
    })

    it('sends what is collected at the end of the turn without uncork', async () => {
      const [left, right] = await join()
      left.cork()
      for (let index = 0; index < 3; index += 1) expect(left.trySend(message(index))).toBe(true)
      expect(firstWrong(await take(right, 3), message)).toBe(-1)
      expect(left.trySend(message(3))).toBe(true)
      expect(await take(right, 1)).toEqual([message(3)])
    })

    it('sends what is collected before everything else', async () => {
      const [left, right] = await join()
      const seen: string[] = []
      right.on('message', (bytes: Buffer) => seen.push(bytes.toString()))
      right.handle((bytes: Buffer) => {
        seen.push(bytes.toString())
        return bytes
      })
      left.cork()
      left.trySend(Buffer.from('1'))
      const sent = left.send(Buffer.from('2'))
      left.trySend(Buffer.from('3'))
      const reply = left.request(Buffer.from('4'))
      left.trySend(Buffer.from('5'))
      const claim = left.claim(1) as Claim
      claim.bytes.set(Buffer.from('6'))
      claim.commit()
      left.trySend(Buffer.from('7'))
      await Promise.all([sent, reply])
      await left.close()
      expect(seen.join('')).toBe('1234567')
    })

    it('sends what is collected before end and close', async () => {
      for (const close of ['end', 'close'] as const) {
        const [left, right] = await join()
        left.cork()
        left.trySend(message(0))
        left.trySend(message(1))
        const closed = left[close]()
        const taken: Buffer[] = []
        for await (const bytes of right) taken.push(bytes as Buffer)
        expect(taken).toEqual([message(0), message(1)])
        await closed
        await right.close()
      }
    })

    it('collects until the last of several calls has its uncork, and ignores others', async () => {
      const [left, right] = await join()
      left.uncork()
      left.cork()
      left.cork()
      left.trySend(message(0))
      left.uncork()
      left.trySend(message(1))
      left.uncork()
      left.uncork()
      left.trySend(message(2))
      expect(firstWrong(await take(right, 3), message)).toBe(-1)
    })

    it('stops at a receiver that does not read, and continues with drain', async () => {
      const [left, right] = await join()
      left.cork()
      const count = await fill(left)
      const drained = once(left, 'drain')
      const taken = take(right, count)
      await drained
      expect(firstWrong(await taken, message)).toBe(-1)
      left.uncork()
      expect(left.trySend(message(0))).toBe(true)
      expect(await take(right, 1)).toEqual([message(0)])
    })

    it('resolves a close inside a handler when what is collected would arrive', async () => {
      const [left, right] = await join()
      const seen: Buffer[] = []
      left.on('message', (bytes: Buffer) => seen.push(bytes))
      left.pause()
      let count = await fill(right)
      right.handle(async (bytes) => {
        right.cork()
        while (right.trySend(message(count))) count += 1
        await right.close()
        right.destroy()
        return bytes
      })
      const end = ended(left)
      const reply = expect(left.request(message(0))).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      for (let turns = 0; turns < 50; turns += 1) await turn()
      left.resume()
      await reply
      await end
      expect([seen.length, firstWrong(seen, message)]).toEqual([count, -1])
    })

    it('drops what is collected when the channel is destroyed in the same turn', async () => {
      const [left, right] = await join()
      const closed = [ended(left), ended(right)]
      left.cork()
      left.trySend(message(0))
      left.destroy()
      left.uncork()
      left.cork()
      await Promise.all(closed)
    })
  })
}
