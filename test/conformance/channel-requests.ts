import { setMaxListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { turn } from '../support/turns.js'
import { type ChannelFixture, firstWrong } from './channel-fixture.js'

/** Requests and their replies. */
export function channelRequests(fixture: ChannelFixture): void {
  const { name, pattern } = fixture

  describe(`channel over ${name}: requests`, () => {
    it('run in both directions at once and receive their own replies', async () => {
      const ends = await fixture.join()
      for (const end of ends) {
        end.handle(async (value: number) => {
          if (value % 3 === 0) await turn()
          return value * 2
        })
      }
      const replies = await Promise.all(
        ends.flatMap((end) => Array.from({ length: 2_000 }, (_, index) => end.request<number>(index))),
      )
      expect(replies.findIndex((reply, index) => reply !== (index % 2_000) * 2)).toBe(-1)
      await ends[0].close()
    })

    it('can be nested: a handler sends a request before it replies', async () => {
      const ends = await fixture.join()
      for (const [index, end] of ends.entries()) {
        end.handle(async ({ depth }: { depth: number }): Promise<number[]> => {
          if (depth === 0) return [index]
          return [index, ...(await end.request<number[]>({ depth: depth - 1 }))]
        })
      }
      const [left, right] = ends
      const [fromLeft, fromRight] = await Promise.all([
        left.request({ depth: 49 }),
        right.request({ depth: 49 }),
      ])
      expect(fromLeft).toEqual(Array.from({ length: 50 }, (_, index) => 1 - (index % 2)))
      expect(fromRight).toEqual(Array.from({ length: 50 }, (_, index) => index % 2))
      await left.close()
    })

    it('receive replies although both rings are full of messages', async () => {
      const ends = await fixture.join({ codec: 'bytes' })
      const block = pattern.slice(5, 4_000)
      for (const end of ends) {
        end.on('message', () => {})
        end.handle((value) => value)
      }
      const runs = ends.map(async (end) => {
        const sends: Promise<void>[] = []
        const replies: Promise<Buffer>[] = []
        for (let index = 0; index < 500; index += 1) {
          sends.push(end.send(block))
          replies.push(end.request<Buffer>(pattern.slice(index, index * 20)))
        }
        await Promise.all(sends)
        return firstWrong(await Promise.all(replies), (index) => pattern.slice(index, index * 20))
      })
      expect(await Promise.all(runs)).toEqual([-1, -1])
      await ends[0].close()
    })

    it('reject an unknown option, as send and close do, and send nothing', async () => {
      const [left, right] = await fixture.join()
      right.handle(() => 'reply')
      const options = { timeout: 1_000 } as object
      const wrong = {
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining('timeoutMs') as string,
      }
      await expect(left.request('message', options)).rejects.toMatchObject(wrong)
      await expect(left.send('message', options)).rejects.toMatchObject(wrong)
      await expect(left.close(options)).rejects.toMatchObject(wrong)
      expect([left.open, left.stats().messagesSent]).toEqual([true, 0])
    })

    it('reject with REMOTE when the handler throws, and the channel stays open', async () => {
      const [left, right] = await fixture.join()
      right.handle((value: number) => {
        if (value < 0) throw Object.assign(new RangeError('negative'), { code: 'E_NEGATIVE' })
        return value
      })
      await expect(left.request(-1)).rejects.toMatchObject({
        code: ErrorCode.REMOTE,
        remoteCode: 'E_NEGATIVE',
      })
      expect(await left.request(1)).toBe(1)
      await left.close()
    })

    it('abort the handler when they are cancelled, and others receive replies', async () => {
      const [left, right] = await fixture.join()
      const aborted: unknown[] = []
      right.handle((value: number, { signal }) => {
        if (value % 2 === 0) return value
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(value)
            resolve(undefined)
          })
        })
      })
      const controller = new AbortController()
      setMaxListeners(0, controller.signal)
      const waits = Array.from({ length: 20 }, (_, value) =>
        left.request(value, { signal: controller.signal }),
      )
      expect(await Promise.all(waits.filter((_, value) => value % 2 === 0))).toEqual([
        0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
      ])
      controller.abort()
      const results = await Promise.allSettled(waits)
      expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10)
      await left.close()
      expect(aborted).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
    })
  })
}
