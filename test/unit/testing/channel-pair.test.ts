import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../src/channel/channel.js'
import { ErrorCode } from '../../../src/errors.js'
import { type ChannelPairOptions, createChannelPair } from '../../../src/testing/channel-pair.js'

const channels: Channel[] = []
afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy()
})

function pair(options?: ChannelPairOptions): [Channel, Channel] {
  const ends = createChannelPair(options)
  channels.push(...ends)
  return ends
}

describe('createChannelPair', () => {
  it('delivers messages in both directions, later than the call that sends', async () => {
    const [left, right] = pair()
    const heard: unknown[] = []
    left.on('message', (message) => heard.push(['left', message]))
    right.on('message', (message) => heard.push(['right', message]))
    expect(right.trySend({ to: 'left' })).toBe(true)
    expect(left.trySend(new Map([[1, 2n]]))).toBe(true)
    expect(heard).toEqual([])
    await left.close()
    expect(new Set(heard)).toEqual(
      new Set([
        ['left', { to: 'left' }],
        ['right', new Map([[1, 2n]])],
      ]),
    )
  })

  it('delivers a copy, not the object itself', async () => {
    const [left, right] = pair()
    const sent = { list: [1] }
    left.trySend(sent)
    sent.list.push(2)
    const [message] = await once(right, 'message')
    expect(message).toEqual({ list: [1] })
  })

  it('answers requests and rejects with the error of the handler', async () => {
    const [left, right] = pair()
    right.handle(({ a, b }) => {
      if (b === 0) throw new RangeError('b is 0')
      return a / b
    })
    expect(await left.request({ a: 6, b: 2 })).toBe(3)
    await expect(left.request({ a: 6, b: 0 })).rejects.toMatchObject({
      code: ErrorCode.REMOTE,
      message: expect.stringContaining('b is 0') as string,
    })
  })

  it('has back-pressure: trySend returns false at ringBytes, and drain follows', async () => {
    const [left, right] = pair({ codec: 'bytes', ringBytes: 65_536 })
    const chunk = Buffer.alloc(16_384)
    let sent = 0
    while (left.trySend(chunk)) sent += 1
    expect(sent).toBe(4)
    let received = 0
    right.on('message', () => {
      received += 1
    })
    await once(left, 'drain')
    expect(left.trySend(chunk)).toBe(true)
    await left.close()
    expect(received).toBe(5)
  })

  it('closes both ends in order', async () => {
    const [left, right] = pair()
    const closed = once(right, 'close')
    await left.close()
    expect(await closed).toEqual([undefined])
    await expect(left.send('late')).rejects.toMatchObject({ code: ErrorCode.CLOSED })
  })

  it('ends the other side with PEER_GONE when one side is destroyed', async () => {
    const [left, right] = pair()
    left.destroy()
    const error = await new Promise((resolve) => right.once('close', resolve))
    expect(error).toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: 'the peer is gone: its channel was destroyed',
    })
  })

  it('reports the socket as transport with the reason, and this process as peer', () => {
    for (const { transport, fallbackReason, peer } of pair()) {
      expect(transport).toBe('unix')
      expect(fallbackReason).toBe('both ends of the pair are in this process')
      expect(peer).toEqual({
        pid: process.pid,
        uid: process.geteuid?.(),
        gid: process.getegid?.(),
        verified: true,
      })
    }
  })

  it('has no blocking calls', () => {
    const [left] = pair()
    expect(() => left.requestSync(1)).toThrow(
      expect.objectContaining({ code: ErrorCode.UNAVAILABLE }) as Error,
    )
  })

  it('accepts the options that have a meaning inside one process', async () => {
    const [left, right] = pair({ codec: 'json', maxMessageBytes: 8, maxDecodedBytes: 1_048_576 })
    expect(left.maxMessageBytes).toBe(8)
    expect(() => left.trySend('too long')).toThrow(
      expect.objectContaining({ code: ErrorCode.MESSAGE_TOO_LARGE }) as Error,
    )
    left.trySend([undefined])
    expect(await once(right, 'message')).toEqual([[null]])
  })

  it.each([
    [{ transport: 'shm' }, 'unknown option "transport"; the options are '],
    [{ ringByte: 65_536 }, 'unknown option "ringByte"; did you mean "ringBytes"?'],
    [{ codec: 'xml' }, 'codec is "xml"; it must be one of '],
    [null, 'options is null; it must be an object'],
  ])('rejects the options %j', (options, message) => {
    expect(() => createChannelPair(options as never)).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining(message) as string,
      }) as Error,
    )
  })
})
