import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Codec } from '../../../src/codec/codec.js'
import { memoryChannels } from '../../support/memory-channels.js'
import { collectUncaught } from '../../support/uncaught.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the event messages', () => {
  it('has the messages that arrived together, in the order of the calls', async () => {
    const [left, right] = memoryChannels()
    const seen: unknown[] = []
    right.on('messages', (batch) => seen.push(batch))
    right.handle((message) => {
      seen.push(message)
      return null
    })
    left.trySend(1)
    left.trySend(2)
    const reply = left.request('asked')
    left.trySend(3)
    await reply
    await left.close()
    expect(seen).toEqual([[1, 2], 'asked', [3]])
  })

  it('loses no message when its listener is removed during a batch', async () => {
    const [left, right] = memoryChannels()
    const seen: unknown[] = []
    const listener = (batch: unknown[]): unknown => seen.push(...batch)
    right.on('messages', listener)
    right.once('message', (message) => {
      seen.push(message)
      right.off('messages', listener)
    })
    await turn()
    for (let message = 0; message < 4; message += 1) left.trySend(message)
    await turn()
    right.on('message', (message) => seen.push(message))
    await left.close()
    expect(seen).toEqual([0, 1, 2, 3])
  })
})

describe('closing', () => {
  it('completes although a cancelled request is never answered by its handler', async () => {
    const [left, right] = memoryChannels()
    right.handle((message) => (message === 'never' ? new Promise(() => {}) : message))
    await expect(left.request('never', { timeoutMs: 5 })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_TIMEOUT',
    })
    left.handle((message) => message)
    await expect(right.request('asked')).resolves.toBe('asked')
    await left.close()
  })

  it('completes although the peer never stops sending requests: new ones fail with CLOSED', async () => {
    const [left, right] = memoryChannels()
    left.handle(async (message) => {
      await turn()
      return message
    })
    const asking = (async () => {
      for (;;) await right.request('again')
    })()
    const refused = expect(asking).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
    await turn()
    await left.close()
    await refused
  })

  it('rejects with CLOSED when destroy ends it', async () => {
    const [left, right] = memoryChannels()
    right.handle(() => new Promise(() => {}))
    const pending = left.request(1)
    const closing = left.close()
    left.destroy()
    await expect(closing).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
    await expect(pending).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
  })

  it('destroys the channel under a signal that was aborted before, and reports the exception of a listener', async () => {
    const [left, right] = memoryChannels()
    right.handle(() => new Promise(() => {}))
    const pending = left.request(1)
    const error = new Error('of a listener')
    left.on('close', () => {
      throw error
    })
    const thrown = await collectUncaught(async () => {
      const closing = left.close({ signal: AbortSignal.abort() })
      await expect(closing).rejects.toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
      await expect(pending).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
      await turn()
    })
    expect(thrown).toEqual([error])
    expect(left.open).toBe(false)
    await left.close({ signal: AbortSignal.abort() })
  })

  it('delivers no further held message after destroy', async () => {
    const [left, right] = memoryChannels()
    for (let message = 0; message < 5; message += 1) left.trySend(message)
    await turn()
    await turn()
    const seen: unknown[] = []
    right.on('message', (message) => {
      seen.push(message)
      if (message === 1) right.destroy()
    })
    await turn()
    await turn()
    expect(seen).toEqual([0, 1])
    left.destroy()
  })
})

describe('a channel', () => {
  it.each([
    ['null, like a stream', null, undefined, 'the channel is closed; connect again to send'],
    ['a text', 'why', 'why', 'the channel has ended: why'],
  ])('is destroyed with %s', async (_name, given, error, message) => {
    const [left] = memoryChannels()
    const closed = new Promise((resolve) => left.once('close', resolve))
    left.destroy(given as unknown as Error)
    expect(await closed).toBe(error)
    const refused = { code: 'ERR_SHMWIRE_CLOSED', message }
    await expect(left.send(1)).rejects.toMatchObject(refused)
    expect(() => left.trySend(1)).toThrow(expect.objectContaining(refused) as Error)
  })

  it.each([
    ['an object without a prototype', Object.create(null)],
    ['undefined', undefined],
    ['a symbol', Symbol('odd')],
    ['an error without a name', Object.assign(new Error('odd'), { name: undefined })],
    ['an error whose message is not a string', Object.assign(new Error('odd'), { message: 7 })],
    [
      'an error that cannot be read',
      Object.defineProperty(new Error('odd'), 'message', {
        get() {
          throw new Error('no')
        },
      }),
    ],
  ])('rejects a request with REMOTE when its handler throws %s', async (_name, thrown) => {
    const [left, right] = memoryChannels()
    right.handle(() => {
      throw thrown
    })
    await expect(left.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_REMOTE' })
    await left.close()
  })

  it('delivers to new listeners after all others were removed', async () => {
    const [left, right] = memoryChannels()
    right.on('message', () => {})
    await turn()
    right.removeAllListeners()
    const seen: unknown[] = []
    right.on('message', (message) => seen.push(message))
    left.trySend('arrives')
    await left.close()
    expect(seen).toEqual(['arrives'])
  })

  it.each([
    ['a string', 'text'],
    ['undefined', undefined],
    ['a detached array', detached()],
  ])('throws CODEC when its codec returns %s', (_name, result) => {
    const broken: Codec = { name: 'broken', encode: () => result as Uint8Array, decode: () => null }
    const [left] = memoryChannels({ codec: broken })
    expect(() => left.trySend(1)).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_CODEC' }))
    left.destroy()
  })

  it('keeps its own state of a stateful codec', async () => {
    const counting: Codec = {
      name: 'counting',
      encode: () => Buffer.from('unused'),
      decode: () => 'unused',
      perChannel() {
        let count = 0
        return { name: 'counting', encode: () => Buffer.from([count++]), decode: (bytes) => bytes[0] }
      },
    }
    for (let channel = 0; channel < 2; channel += 1) {
      const [left, right] = memoryChannels({ codec: counting })
      const seen: unknown[] = []
      right.on('message', (message) => seen.push(message))
      left.trySend('a')
      left.trySend('b')
      await left.close()
      expect(seen).toEqual([0, 1])
    }
  })

  it('shares one AbortSignal among any number of waits, without a warning', async () => {
    const warnings: unknown[] = []
    const onWarning = (warning: unknown): unknown => warnings.push(warning)
    process.on('warning', onWarning)
    const [left, right] = memoryChannels()
    right.handle(() => new Promise(() => {}))
    const controller = new AbortController()
    const pending = Array.from({ length: 30 }, () => left.request(1, { signal: controller.signal }))
    const settled = Promise.allSettled(pending)
    controller.abort()
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true)
    await turn()
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    left.destroy()
  })
})

it('is an EventEmitter', () => {
  const [left] = memoryChannels()
  expect(left).toBeInstanceOf(EventEmitter)
  left.destroy()
})

function detached(): Uint8Array {
  const bytes = new Uint8Array(8)
  structuredClone(bytes, { transfer: [bytes.buffer] })
  return bytes
}
