import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { foreign } from '../support/foreign.js'
import type { ChannelFixture } from './channel-fixture.js'

/** Values and errors at the edges arrive, or are refused by the sender, and the channel stays open. */
export function channelValues(fixture: ChannelFixture): void {
  describe('values', () => {
    it('of another realm arrive as messages and as replies', async () => {
      const [left, right] = await fixture.join()
      right.handle((value: unknown) => value)
      const sent = foreign(
        '({ date: new Date(5), pattern: /a/g, data: new ArrayBuffer(3), list: [new Map([[1, 2]])] })',
      )
      expect(await left.request(sent)).toStrictEqual({
        date: new Date(5),
        pattern: /a/g,
        data: new ArrayBuffer(3),
        list: [new Map([[1, 2]])],
      })
      await left.close()
    })

    it.each(['new Uint8Array([1, 2])', 'new Uint8Array([1, 2]).buffer', 'new Uint8Array(200_000).fill(7)'])(
      'of another realm arrive with the codec bytes: %s',
      async (expression) => {
        const [left, right] = await fixture.join({ codec: 'bytes' })
        right.handle((value: Uint8Array) => value)
        const bytes = foreign(expression) as Uint8Array
        expect([...(await left.request<Uint8Array>(bytes))]).toEqual([...new Uint8Array(bytes)])
        await left.close()
      },
    )

    it('that cannot be sent are refused with their place, and the channel stays open', async () => {
      const [left, right] = await fixture.join()
      right.handle((value: unknown) => value)
      const refused = [
        [{ config: { http: { transform: [() => 1] } } }, 'message.config.http.transform[0] is a function'],
        [{ when: new Proxy(new Date(), {}) }, 'message.when is a Proxy of a built-in object (Date)'],
        [{ count: foreign('new Number(5)') }, 'message.count is a Number object'],
      ] as const
      for (const [value, text] of refused) {
        const failure = { code: ErrorCode.CODEC, message: expect.stringContaining(text) as string }
        await expect(left.request(value)).rejects.toMatchObject(failure)
        await expect(left.send(value)).rejects.toMatchObject(failure)
      }
      expect(await left.request('still open')).toBe('still open')
      await left.close()
    })

    it('are errors with their parts, also with cyclic causes', async () => {
      const [left, right] = await fixture.join()
      right.handle((value: unknown) => value)
      const first: Error & { cause?: unknown } = Object.assign(new RangeError('first'), { code: 7 })
      first.cause = new AggregateError([first, new DOMException('late', 'TimeoutError')], 'second')
      const back = await left.request<RangeError & { code: number; cause: AggregateError }>(first)
      expect(back).toBeInstanceOf(RangeError)
      expect([back.message, back.code, back.cause.message]).toEqual(['first', 7, 'second'])
      expect(back.cause.errors[0]).toBe(back)
      expect(back.cause.errors[1]).toMatchObject({ name: 'TimeoutError', message: 'late', code: 23 })
      await left.close()
    })
  })

  describe('the error of a handler', () => {
    it('arrives with its code and its causes, whatever was thrown', async () => {
      const [left, right] = await fixture.join()
      const cyclic: Error & { cause?: unknown } = new Error('cyclic')
      cyclic.cause = cyclic
      const thrown = [
        [Object.assign(new Error('n'), { code: 5 }), 5, { name: 'Error', message: 'n', code: 5 }],
        [{ code: 'E_X', message: 'text' }, 'E_X', { message: 'text', code: 'E_X' }],
        [
          foreign('Object.assign(new TypeError("t"), { code: "E_T" })'),
          'E_T',
          { name: 'TypeError', message: 't' },
        ],
        [new DOMException('late', 'TimeoutError'), 23, { name: 'TimeoutError', message: 'late' }],
        [
          new AggregateError([new Error('a')], 'all'),
          undefined,
          { message: 'all', errors: [{ message: 'a' }] },
        ],
        [
          new Error('o', { cause: new RangeError('i') }),
          undefined,
          { cause: { name: 'RangeError', message: 'i' } },
        ],
        [cyclic, undefined, { message: 'cyclic' }],
      ] as const
      right.handle((index: number) => {
        throw thrown[index]?.[0]
      })
      for (const [index, [, remoteCode, cause]] of thrown.entries())
        await expect(left.request(index)).rejects.toMatchObject({ code: ErrorCode.REMOTE, remoteCode, cause })
      await left.close()
    })
  })
}
