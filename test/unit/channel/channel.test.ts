import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../../src/channel/channel.js'
import { memoryChannels } from '../../support/memory-channels.js'
import { waitFor } from '../../support/wait-for.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('messages', () => {
  it('arrive in the order of the calls, as events', async () => {
    const [left, right] = memoryChannels()
    const seen: number[] = []
    right.on('message', (message) => seen.push(message))
    for (let index = 0; index < 500; index += 1) void left.send(index)
    await left.close()
    expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => index))
  })

  it('are held until there is a listener, and stop the sender meanwhile', async () => {
    const [left, right] = memoryChannels({ capacityBytes: 1024 })
    let sent = 0
    while (left.trySend({ sent })) sent += 1
    await turn()
    while (sent < 5000 && left.trySend({ sent })) sent += 1
    for (let round = 0; round < 50; round += 1) await turn()
    expect(left.stats().fullWaits).toBeGreaterThan(0)
    const seen: number[] = []
    right.on('message', (message) => seen.push(message.sent))
    await left.close()
    // On a slow machine, held messages take several turns.
    await waitFor(() => expect(seen).toEqual(Array.from({ length: sent }, (_, index) => index)))
  })

  it('continue with the next one after a listener has thrown', async () => {
    const [left, right] = memoryChannels()
    const seen: number[] = []
    const thrown: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    try {
      right.on('message', (message) => {
        seen.push(message)
        if (message % 2 === 0) throw new Error(`no ${message}`)
      })
      for (let index = 0; index < 6; index += 1) left.trySend(index)
      await left.close()
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5])
    expect(thrown).toHaveLength(3)
  })
})

describe('sending', () => {
  it('trySend returns false when there is no room, and drain follows', async () => {
    const [left, right] = memoryChannels({ codec: 'bytes', capacityBytes: 1024 })
    while (left.trySend(Buffer.alloc(100))) {}
    const drained = once(left, 'drain')
    right.on('message', () => {})
    await drained
    expect(left.trySend(Buffer.alloc(100))).toBe(true)
    await left.close()
  })

  it('refuses a message one byte too long, and stays open', async () => {
    const [left, right] = memoryChannels({ codec: 'bytes', maxMessageBytes: 1000 })
    const got = once(right, 'message')
    expect(() => left.trySend(Buffer.alloc(1001))).toThrow(
      expect.objectContaining({ code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE' }),
    )
    await expect(left.send(Buffer.alloc(1001))).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
    })
    await left.send(Buffer.alloc(1000, 7))
    expect((await got)[0]).toEqual(Buffer.alloc(1000, 7))
    await left.close()
  })

  it('ends at an abort or a timeout without sending', async () => {
    const [left, right] = memoryChannels({ codec: 'json', capacityBytes: 16 })
    // Until the other side holds as much as it can.
    for (let full = 0; full < 5; full += 1) {
      while (left.trySend('filler')) full = 0
      await turn()
    }
    const controller = new AbortController()
    const aborted = left.send('aborted', { signal: controller.signal })
    const late = left.send('late', { timeoutMs: 1 })
    const kept = left.send('kept')
    controller.abort(new Error('why'))
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_SHMWIRE_ABORTED', cause: { message: 'why' } })
    await expect(late).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
    const seen: string[] = []
    right.on('message', (message) => seen.push(message))
    await kept
    await left.close()
    expect(seen.filter((message) => message !== 'filler')).toEqual(['kept'])
  })

  it('throws CODEC for a value that the codec cannot encode', async () => {
    const [left] = memoryChannels({ codec: 'json' })
    expect(() => left.trySend(1n)).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_CODEC' }))
    await expect(left.send(1n)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
    left.destroy()
  })
})

describe('iteration', () => {
  it('yields every message and ends with the close', async () => {
    const [left, right] = memoryChannels()
    const sending = (async () => {
      for (let index = 0; index < 3000; index += 1) await left.send(index)
      await left.close()
    })()
    let next = 0
    for await (const message of right) expect(message).toBe(next++)
    expect(next).toBe(3000)
    await sending
  })

  it('throws PEER_GONE after the last message when the peer is destroyed', async () => {
    const [left, right] = memoryChannels()
    left.trySend('last')
    await turn()
    left.destroy()
    const seen: string[] = []
    const loop = async () => {
      for await (const message of right) seen.push(message)
    }
    await expect(loop()).rejects.toMatchObject({ code: 'ERR_SHMWIRE_PEER_GONE' })
    expect(seen).toEqual(['last'])
  })

  it('leaves the channel open when the loop is left, and a second loop continues', async () => {
    const [left, right] = memoryChannels()
    for (let index = 0; index < 4; index += 1) left.trySend(index)
    for await (const message of right) if (message === 1) break
    const rest: number[] = []
    for await (const message of right) {
      rest.push(message)
      if (message === 3) break
    }
    expect(rest).toEqual([2, 3])
    expect(right.open).toBe(true)
    expect(() => [right[Symbol.asyncIterator](), right[Symbol.asyncIterator]()]).toThrow(
      /another for await loop is running/,
    )
    left.destroy()
  })
})

describe('requests', () => {
  const answering = (): [Channel, Channel] => {
    const channels = memoryChannels()
    channels[1].handle((message: { double: number }) => message.double * 2)
    return channels
  }

  it('resolve to the reply of the handler, sync or async', async () => {
    const [left, right] = answering()
    expect(await left.request({ double: 21 })).toBe(42)
    right.handle(async (message) => ({ got: message }))
    expect(await left.request('x')).toEqual({ got: 'x' })
    await left.close()
  })

  it('may be 20,000 at once: those beyond the limit wait for a slot', async () => {
    const [left] = answering()
    const replies = await Promise.all(
      Array.from({ length: 20_000 }, (_, index) => left.request<number>({ double: index })),
    )
    expect(replies.every((reply, index) => reply === 2 * index)).toBe(true)
    await left.close()
  })

  it('reject with REMOTE and the code of the exception of the handler', async () => {
    const [left, right] = answering()
    right.handle(() => {
      throw Object.assign(new RangeError('too far'), { code: 'E_FAR' })
    })
    await expect(left.request(1)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_REMOTE',
      remoteCode: 'E_FAR',
      message: expect.stringContaining('RangeError: too far'),
    })
    right.handle(() => () => 'no codec takes a function')
    await expect(left.request(1)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_REMOTE',
      remoteCode: 'ERR_SHMWIRE_CODEC',
    })
    right.handle(undefined)
    await expect(left.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_NO_HANDLER' })
    await left.close()
  })

  it('abort the signal of the handler when the caller times out', async () => {
    const [left, right] = answering()
    const reason = new Promise((resolve) => {
      right.handle(
        (_message, { signal }) =>
          new Promise((done) => {
            signal.addEventListener('abort', () => {
              resolve(signal.reason)
              done(null)
            })
          }),
      )
    })
    await expect(left.request(1, { timeoutMs: 5 })).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
    expect(await reason).toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
    await left.close()
    expect(left.stats().requestsOpen).toBe(0)
  })

  it('reject with PEER_GONE when the peer is destroyed', async () => {
    const [left, right] = answering()
    right.handle(() => new Promise(() => {}))
    const pending = left.request(1)
    await turn()
    right.destroy()
    await expect(pending).rejects.toMatchObject({ code: 'ERR_SHMWIRE_PEER_GONE' })
    await expect(left.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_PEER_GONE' })
  })
})

describe('a channel that ends', () => {
  it('waits for open requests and running handlers, then both sides are closed in order', async () => {
    const [left, right] = memoryChannels()
    right.handle(async (message) => {
      await turn()
      return message
    })
    const reply = left.request('late')
    const ended = Promise.all([once(left, 'close'), once(right, 'close')])
    await left.close()
    expect(await reply).toBe('late')
    expect(await ended).toEqual([[undefined], [undefined]])
    expect(() => right.trySend(1)).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_CLOSED' }))
    await left.close()
  })

  it('closes when both sides close at once', async () => {
    const [left, right] = memoryChannels()
    left.trySend(1)
    right.trySend(2)
    await Promise.all([left.close(), right.close()])
    expect([left.open, right.open]).toEqual([false, false])
  })

  it('is destroyed when a close takes too long, which rejects', async () => {
    const [left, right] = memoryChannels()
    right.handle(() => new Promise(() => {}))
    const pending = left.request(1)
    pending.catch(() => {})
    const gone = new Promise((resolve) => right.on('close', resolve))
    await expect(left.close({ timeoutMs: 5 })).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
    await expect(pending).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
    expect(await gone).toMatchObject({ code: 'ERR_SHMWIRE_PEER_GONE' })
  })

  it('always emits close, and error only to listeners', async () => {
    const [left, right] = memoryChannels()
    const errors: string[] = []
    right.on('error', (error) => errors.push((error as { code?: string }).code ?? ''))
    const closed = once(right, 'close')
    left.destroy()
    await closed.catch(() => {})
    expect(errors).toEqual(['ERR_SHMWIRE_PEER_GONE'])
  })
})
