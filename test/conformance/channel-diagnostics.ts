import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { observed } from '../support/observed.js'
import { eventually } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type ChannelFixture, ended, RING_BYTES, take } from './channel-fixture.js'

/** The diagnostics channels of messages and of the end of a peer. */
export function channelDiagnostics(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`diagnostics of a channel over ${name}`, () => {
    it('report each message at both ends, with its length', async () => {
      const sent = observed('shmwire:channel.send')
      const received = observed('shmwire:channel.receive')
      const [left, right] = await fixture.join({ codec: 'json' })
      await left.send('hello')
      expect(left.trySend({ a: 1 })).toBe(true)
      await take(right, 2)
      expect(sent).toEqual([
        { channel: left, message: 'hello', byteLength: 7 },
        { channel: left, message: { a: 1 }, byteLength: 7 },
      ])
      expect(sent[0]?.channel).toBe(left)
      expect(received.map((payload) => ({ ...payload, channel: undefined }))).toEqual([
        { channel: undefined, message: 'hello', byteLength: 7 },
        { channel: undefined, message: { a: 1 }, byteLength: 7 },
      ])
      for (const { channel } of received) expect(channel).toBe(right)
    })

    it('report no message that finds no room', async () => {
      const sent = observed('shmwire:channel.send')
      const [left] = await fixture.join({ codec: 'bytes' })
      let accepted = 0
      while (left.trySend(Buffer.alloc(RING_BYTES / 16))) accepted += 1
      expect(accepted).toBeGreaterThan(0)
      expect(sent).toHaveLength(accepted)
    })

    it('report no message that cannot be encoded', async () => {
      const sent = observed('shmwire:channel.send')
      const [left] = await fixture.join({ codec: 'json' })
      expect(() => left.trySend(1n)).toThrow(expect.objectContaining({ code: ErrorCode.CODEC }))
      expect(sent).toEqual([])
    })

    it('report a claim without its bytes', async () => {
      const sent = observed('shmwire:channel.send')
      const [left, right] = await fixture.join({ codec: 'bytes' })
      left.claim(100)?.abort()
      left.claim(100)?.commit(10)
      await take(right, 1)
      expect(sent).toEqual([{ channel: left, message: undefined, byteLength: 10 }])
    })

    it('report the end of a peer once, and no end in order', async () => {
      const gone = observed('shmwire:channel.peerGone')
      const [left, right] = await fixture.join()
      const end = ended(left)
      right.destroy()
      await end
      expect(gone).toEqual([{ channel: left, error: expect.objectContaining({ code: ErrorCode.PEER_GONE }) }])
      const [one, other] = await fixture.join()
      const bothEnded = Promise.all([ended(one), ended(other)])
      await one.close()
      await bothEnded
      expect(gone).toHaveLength(1)
    })

    it('do not stop a channel whose subscribers throw', async () => {
      const error = new Error('of a subscriber')
      const throwing = (): never => {
        throw error
      }
      const [left, right] = await fixture.join()
      const messages: unknown[] = []
      right.on('message', (message) => messages.push(message))
      const thrown = await collectUncaught(async () => {
        const restore = ['send', 'receive'].map((event) => subscribed(`shmwire:channel.${event}`, throwing))
        await left.send(Buffer.of(1))
        expect(left.trySend(Buffer.of(2))).toBe(true)
        await eventually(() => messages.length === 2)
        for (const undo of restore) undo()
      })
      expect(thrown).toEqual([error, error, error, error])
    })
  })
}

/** Subscribes a function. Returns one that unsubscribes it. */
function subscribed(name: string, listener: () => never): () => void {
  subscribe(name, listener)
  return () => unsubscribe(name, listener)
}
