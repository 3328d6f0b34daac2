import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type ChannelFixture, ended, RING_BYTES, take } from './channel-fixture.js'

/** `views`: messages that a listener reads in place. Until it returns, they behave like copies. */
export function channelViews(fixture: ChannelFixture): void {
  const { inlineBytesMax, name, pattern } = fixture
  const join = () => fixture.join({ codec: 'bytes', views: true })
  const fill = (channel: Channel, count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => channel.send(pattern.message(index))))

  describe(`channel over ${name}: views`, () => {
    it('are whole until the listener returns, of every length', async () => {
      const [left, right] = await join()
      let got = 0
      let wrong = 0
      right.on('message', (message: Buffer) => {
        if (!message.equals(pattern.message(got))) wrong += 1
        got += 1
      })
      await fill(left, 5_000)
      await left.close()
      expect({ got, wrong }).toEqual({ got: 5_000, wrong: 0 })
    })

    it('arrive in batches too, which are valid until their listener returns', async () => {
      const [left, right] = await join()
      let got = 0
      let wrong = 0
      right.on('messages', (messages: Buffer[]) => {
        for (const message of messages) {
          if (!message.equals(pattern.message(got))) wrong += 1
          got += 1
        }
      })
      await fill(left, 5_000)
      await left.close()
      expect({ got, wrong }).toEqual({ got: 5_000, wrong: 0 })
    })

    it('are copies if the receiver keeps them: loops, requests and replies', async () => {
      const [left, right] = await join()
      right.handle((message: Buffer) => message)
      const kept: Promise<Buffer>[] = []
      for (let index = 0; index < 300; index += 1) kept.push(left.request(pattern.message(index)))
      const sending = fill(left, 500)
      const taken = await take(right, 500)
      await sending
      const replies = await Promise.all(kept)
      // By now the rings have wrapped many times.
      expect(taken.findIndex((bytes, index) => !bytes.equals(pattern.message(index)))).toBe(-1)
      expect(replies.findIndex((bytes, index) => !bytes.equals(pattern.message(index)))).toBe(-1)
      await left.close()
    })

    it('hold their room until the listener returns, and free it then', async () => {
      const [left, right] = await join()
      const message = Buffer.alloc(inlineBytesMax)
      let got = 0
      right.on('message', () => {
        got += 1
      })
      for (let round = 0; round < 50; round += 1) await left.send(message)
      await eventually(() => got === 50)
      expect(left.stats().depthBytes).toBe(0)
      await left.close()
    })

    it('end with a listener that throws, and the next message still arrives', async () => {
      const [left, right] = await join()
      const seen: number[] = []
      right.on('message', (message: Buffer) => {
        seen.push(message[0] as number)
        if (message[0] === 1) throw new Error('the listener threw')
      })
      const uncaught = await collectUncaught(async () => {
        for (let index = 0; index < 5; index += 1) await left.send(Buffer.alloc(8, index))
        await eventually(() => seen.length === 5)
      })
      expect(seen).toEqual([0, 1, 2, 3, 4])
      expect(uncaught.map(String)).toEqual(['Error: the listener threw'])
      await left.close()
    })

    it('are copied when a listener forwards them and they must wait', async () => {
      const [left, right] = await join()
      const sends: Promise<void>[] = []
      right.on('message', (message: Buffer) => void sends.push(right.send(message)))
      const count = 1_000
      const sending = fill(left, count)
      // The echoes find no room until these are taken, while their ring wraps.
      await turns(50)
      const taken = await take(left, count)
      await sending
      await Promise.all(sends)
      expect(taken.findIndex((bytes, index) => !bytes.equals(pattern.message(index)))).toBe(-1)
      await left.close()
    })

    it('reach the listeners of batches although a listener throws', async () => {
      const [left, right] = await join()
      const batched: Buffer[] = []
      right.on('message', () => {
        throw new Error('the listener threw')
      })
      right.on('messages', (messages: Buffer[]) => {
        for (const message of messages) batched.push(Buffer.from(message))
      })
      await collectUncaught(async () => {
        await fill(left, 300)
        await eventually(() => batched.length === 300)
      })
      expect(batched.findIndex((bytes, index) => !bytes.equals(pattern.message(index)))).toBe(-1)
      await left.close()
    })

    it('refuse a blocking request inside a listener before it is sent', async () => {
      const [left, right] = await join()
      let asked = 0
      left.handle((message: Buffer) => {
        asked += 1
        return message
      })
      const codes: string[] = []
      right.on('message', (message: Buffer) => {
        try {
          right.requestSync(message, 1000)
        } catch (error) {
          codes.push((error as { code: string }).code)
        }
      })
      await left.send(Buffer.from('ask me'))
      await eventually(() => codes.length === 1)
      await turns(20)
      expect(asked).toBe(0)
      await left.close()
    })

    it('refuse a blocking receive inside a listener, which may end the channel', async () => {
      const [left, right] = await join()
      const codes: unknown[] = []
      let view: Buffer | undefined
      right.on('message', (message: Buffer) => {
        view = message
        try {
          right.receiveSync(1)
        } catch (error) {
          codes.push((error as { code: string }).code)
        }
        right.destroy()
      })
      // The first message can end the channel before the second one is sent.
      await Promise.allSettled([left.send(Buffer.alloc(64, 1)), left.send(Buffer.alloc(64, 2))])
      await ended(left)
      const refused = right.transport === 'shm' ? ErrorCode.INVALID_STATE : ErrorCode.UNAVAILABLE
      expect(codes).toEqual([refused])
      // The memory is unmapped, so the view must be empty.
      if (right.transport === 'shm') expect(view?.length).toBe(0)
    })

    it('are whole for all listeners of a message when the first one destroys the channel', async () => {
      const [left, right] = await join()
      const message = pattern.slice(0, 64)
      const seen: boolean[] = []
      right.on('message', (view: Buffer) => {
        right.destroy()
        seen.push(view.equals(message))
      })
      right.on('message', (view: Buffer) => seen.push(view.equals(message)))
      left.trySend(message)
      left.trySend(message)
      await ended(left)
      expect(seen).toEqual([true, true])
    })

    it('need codec bytes', async () => {
      await expect(fixture.join({ views: true })).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
      await expect(fixture.join({ views: 1 as unknown as boolean, codec: 'bytes' })).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
    })

    it('copy a message that is longer than a record', async () => {
      const [left, right] = await join()
      const kept: Buffer[] = []
      right.on('message', (message: Buffer) => kept.push(message))
      const long = Buffer.alloc(3 * RING_BYTES, 7)
      await left.send(long)
      await fill(left, 500)
      await left.close()
      expect(kept[0]?.equals(long)).toBe(true)
    })
  })
}
