import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type ChannelFixture, ended } from './channel-fixture.js'

/** Code of the user runs in the midst of ours, and does there what it likes. */
export function channelCallbacks(fixture: ChannelFixture): void {
  const never = (): Promise<never> => new Promise(() => {})

  describe(`channel over ${fixture.name}: listeners and accessors that throw, send or end the channel`, () => {
    it.each(['close', 'request', 'reply'])(
      'a listener of batches may destroy the channel: the %s behind its batch is nothing any more',
      async (behind) => {
        const [left, right] = await fixture.join()
        const closes: unknown[] = []
        right.on('close', (error) => closes.push(error))
        right.on('messages', () => right.destroy())
        right.handle(never)
        left.handle(() => {
          left.trySend('batch')
          return 'reply'
        })
        await turns(3)
        const over = ended(right)
        const asked = behind === 'reply' ? right.request('question') : undefined
        if (behind !== 'reply') left.trySend('batch')
        if (behind === 'close') left.close().catch(() => {})
        if (behind === 'request') left.request('question').catch(() => {})
        if (asked !== undefined) await expect(asked).rejects.toMatchObject({ code: ErrorCode.CLOSED })
        await over
        await right.close()
        await ended(left)
        expect(closes).toEqual([undefined])
        expect(right.stats()).toMatchObject({ requestsRunning: 0, outboxRecords: 0 })
      },
    )

    it.each(['destroy', 'close', 'end the peer', 'take the handler away'])(
      'an accessor of a reply may %s',
      async (what) => {
        const [left, right] = await fixture.join()
        const act: Record<string, () => void> = {
          destroy: () => right.destroy(),
          close: () => void right.close().catch(() => {}),
          'end the peer': () => left.destroy(),
          'take the handler away': () => right.handle(undefined),
        }
        right.handle(() => ({
          get value() {
            act[what]?.()
            return 1
          },
        }))
        const over = ended(right)
        const reply = left.request('question').then(
          (value) => value,
          (error: { code: string }) => error.code,
        )
        const expected: Record<string, unknown> = {
          destroy: ErrorCode.PEER_GONE,
          'end the peer': ErrorCode.CLOSED,
        }
        expect(await reply).toEqual(expected[what] ?? { value: 1 })
        left.destroy()
        await over
        expect(right.stats()).toMatchObject({ requestsRunning: 0, outboxRecords: 0 })
      },
    )

    it('an accessor may send: messages go whole, the one that was begun last first', async () => {
      const [left, right] = await fixture.join()
      const seen: unknown[] = []
      right.on('message', (message) => seen.push(message))
      for (let index = 0; index < 5; index += 1) {
        left.trySend({
          index,
          get inner() {
            return left.trySend({ index, outer: true })
          },
        })
      }
      await left.close()
      expect(seen).toEqual(
        [0, 1, 2, 3, 4].flatMap((index) => [
          { index, outer: true },
          { index, inner: true },
        ]),
      )
    })

    it.each([
      ['undefined', undefined],
      ['an object without a text', Object.create(null)],
      ['an error whose message is a symbol', Object.assign(new Error('x'), { message: Symbol('x') })],
      ['an error whose message throws', errorWithoutMessage()],
    ])('an accessor may throw %s: CODEC, and REMOTE for who asked', async (_, thrown) => {
      const [left, right] = await fixture.join()
      const message = {
        get value() {
          throw thrown
        },
      }
      const codec = expect.objectContaining({ code: ErrorCode.CODEC }) as Error
      expect(() => left.trySend(message)).toThrow(codec)
      await expect(left.send(message)).rejects.toEqual(codec)
      await expect(left.request(message)).rejects.toEqual(codec)
      right.handle(() => message)
      await expect(left.request('question')).rejects.toMatchObject({ code: ErrorCode.REMOTE })
      right.handle(() => 'reply')
      expect(await left.request('question')).toBe('reply')
      await left.close()
    })

    it.each(['throws', 'destroys', 'closes', 'sends'])(
      "a handler's signal fires once, also when its listener %s",
      async (what) => {
        for (const end of ['the wait', 'the peer', 'the channel']) {
          const cancel = new AbortController()
          const [left, right] = await fixture.join()
          const act: Record<string, () => void> = {
            throws: () => {
              throw new Error('no')
            },
            destroys: () => right.destroy(),
            closes: () => void right.close().catch(() => {}),
            sends: () => void right.send('message').catch(() => {}),
          }
          let fired = 0
          right.handle((_message, { signal }) => {
            signal.addEventListener('abort', () => {
              fired += 1
              act[what]?.()
            })
            return never()
          })
          const over = ended(right)
          const thrown = await collectUncaught(async () => {
            left.request('question', { signal: cancel.signal }).catch(() => {})
            await eventually(() => right.stats().requestsRunning === 1)
            if (end === 'the wait') cancel.abort()
            if (end === 'the peer') left.destroy()
            if (end === 'the channel') right.destroy()
            await eventually(() => fired > 0)
            left.destroy()
            await over
            await turns(3)
          })
          expect(fired).toBe(1)
          expect(thrown).toHaveLength(what === 'throws' ? 1 : 0)
          await right.close()
        }
      },
    )
  })
}

function errorWithoutMessage(): Error {
  return Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('no message')
    },
  })
}
