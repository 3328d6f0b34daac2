import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codec/json.js'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type ChannelFixture, ended } from './channel-fixture.js'

/** The user's code runs inside ours and may call any method there. */
export function channelCallbacks(fixture: ChannelFixture): void {
  const never = (): Promise<never> => new Promise(() => {})

  describe(`channel over ${fixture.name}: listeners and accessors that throw, send or end the channel`, () => {
    it.each(['close', 'request', 'reply'])(
      'drops the %s behind a batch whose listener destroys the channel',
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

    it.each(['destroy', 'close', 'end the peer', 'remove the handler'])(
      'allows an accessor of a reply to %s',
      async (what) => {
        const [left, right] = await fixture.join()
        const act: Record<string, () => void> = {
          destroy: () => right.destroy(),
          close: () => void right.close().catch(() => {}),
          'end the peer': () => left.destroy(),
          'remove the handler': () => right.handle(undefined),
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

    it('sends whole messages, the inner one first, when an accessor sends', async () => {
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
    ])('reports CODEC, and REMOTE to the requester, when an accessor throws %s', async (_, thrown) => {
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

    it.each([
      ['newListener', 'drain'],
      ['removeListener', 'newListener'],
    ])(
      'notices later listeners after a listener of %s threw while all of %s were removed',
      async (event, removed) => {
        const [left, right] = await fixture.join()
        const listener = (): never => {
          throw new Error(`a listener of ${event}`)
        }
        right.on('drain', () => {}).on(event as 'drain', listener)
        try {
          right.removeAllListeners(removed)
        } catch (error) {
          expect(String(error)).toBe(`Error: a listener of ${event}`)
        }
        right.off(event as 'drain', listener)
        const seen: unknown[] = []
        right.on('message', (message) => seen.push(message))
        left.trySend('message')
        await left.close()
        expect(seen).toEqual(['message'])
      },
    )

    it('delivers the messages before one that cannot be decoded, to each type of consumer', async () => {
      const codec = {
        name: 'own',
        encode: (sent: unknown) => jsonCodec.encode(sent),
        decode: (bytes: Buffer) => decodeGood(bytes),
      }
      const got: Record<string, unknown[]> = { message: [], messages: [], loop: [] }
      for (const taker of Object.keys(got)) {
        const [left, right] = await fixture.join({ codec })
        if (taker === 'message') right.on('message', (message) => got[taker]?.push(message))
        if (taker === 'messages') right.on('messages', (batch) => got[taker]?.push(...batch))
        await turns(3)
        const over = new Promise((resolve) => right.once('close', resolve))
        for (const message of ['one', 'two', 'bad', 'three']) left.trySend(message)
        if (taker === 'loop') {
          await eventually(() => !right.open)
          const loop = async () => {
            for await (const message of right) got[taker]?.push(message)
          }
          await expect(loop()).rejects.toMatchObject({ code: ErrorCode.CODEC })
        }
        // The event waits for a consumer of the messages that are held.
        expect(await over).toMatchObject({ code: ErrorCode.CODEC })
      }
      const before = ['one', 'two']
      expect(got).toEqual({ message: before, messages: before, loop: before })
    })

    it('keeps the order when a codec changes the listeners during a batch', async () => {
      let decoded = 0
      const seen: unknown[] = []
      const codec = {
        name: 'own',
        encode: (sent: unknown) => jsonCodec.encode(sent),
        decode: (bytes: Buffer) => {
          decoded += 1
          if (decoded === 2)
            right.on('message', (message) => seen.push(message)).removeAllListeners('messages')
          return jsonCodec.decode(bytes)
        },
      }
      const [left, right] = await fixture.join({ codec })
      right.on('messages', (batch) => seen.push(...batch))
      await turns(3)
      for (const message of ['one', 'two', 'three']) left.trySend(message)
      await left.close()
      expect(seen).toEqual(['one', 'two', 'three'])
    })

    it('delivers nothing more when a tick ends the channel and throws before the next message', async () => {
      const [left, right] = await fixture.join()
      const over = ended(right)
      await turns(3)
      const thrown = await collectUncaught(async () => {
        setImmediate(() => {
          process.nextTick(() => {
            right.destroy()
            throw new Error('the tick threw')
          })
        })
        left.trySend('message')
        await over
        await turns(3)
      })
      expect(thrown.map(String)).toEqual(['Error: the tick threw'])
    })

    it.runIf(fixture.transport === 'shm')(
      'does not throw the errors of listeners from a blocking call',
      async () => {
        const [left, right] = await fixture.join({ codec: 'bytes' })
        const listener = (what: string) => () => {
          throw new Error(`a listener of ${what}`)
        }
        left.on('drain', listener('drain')).on('close', listener('close'))
        const got: Buffer[] = []
        // Runs inside the blocking call and frees the room that it waits for.
        left.handle((message: Buffer) => {
          while (got.length < sent) got.push(right.receiveSync(0) as Buffer)
          return message
        })
        right.request(Buffer.from('make room')).catch(() => {})
        let sent = 0
        while (left.trySend(Buffer.alloc(1000))) sent += 1
        const thrown = await collectUncaught(async () => {
          left.sendSync(Buffer.from('last'), 10_000)
          expect(String(right.receiveSync(0))).toBe('last')
          right.destroy()
          expect(() => left.receiveSync(10_000)).toThrow(
            expect.objectContaining({ code: ErrorCode.PEER_GONE }) as Error,
          )
          await turns(2)
        })
        expect(thrown.map(String)).toEqual(['Error: a listener of drain', 'Error: a listener of close'])
      },
    )

    it.runIf(fixture.transport === 'shm')(
      'finds a message with a blocking call without time, although the batch before it throws',
      async () => {
        const [left, right] = await fixture.join({ codec: 'bytes' })
        const received: string[] = []
        right.on('messages', () => {
          throw new Error('a listener of messages')
        })
        const found = new Promise<void>((resolve) => {
          right.once('message', (message: Buffer) => {
            // The next message is in the ring, and its batch is not read yet.
            left.sendSync(Buffer.from('second'))
            received.push(String(message), String(right.receiveSync(0)))
            resolve()
          })
        })
        const thrown = await collectUncaught(async () => {
          left.trySend(Buffer.from('first'))
          await found
          await turns(2)
        })
        expect(received).toEqual(['first', 'second'])
        expect(new Set(thrown.map(String))).toEqual(new Set(['Error: a listener of messages']))
      },
    )

    it.each(['throws', 'destroys', 'closes', 'sends'])(
      'aborts the signal of a handler once, also when its listener %s',
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

function decodeGood(bytes: Buffer): unknown {
  const message = jsonCodec.decode(bytes)
  if (message === 'bad') throw new Error('no message')
  return message
}

function errorWithoutMessage(): Error {
  return Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('no message')
    },
  })
}
