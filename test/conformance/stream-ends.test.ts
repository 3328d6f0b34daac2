import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { channelDuplex } from '../../src/adapter/stream.js'
import { ErrorCode } from '../../src/errors.js'
import { errnoOf } from '../support/errno.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { closed, JOINS, joinByteChannels, joinSockets, readAll } from '../support/socket-of-channels.js'
import { turn, turns } from '../support/turns.js'

describe.each(JOINS)('the end of a stream over %s', (name, join) => {
  it('is symmetrical: each side can end first and still read', async () => {
    for (const first of [0, 1] as const) {
      const pair = await joinSockets(join, { allowHalfOpen: true })
      const [left, right] = [pair[first], pair[1 - first] as (typeof pair)[0]]
      left.end('question')
      expect(String(await readAll(right))).toBe('question')
      expect([left.writable, right.writable, right.readyState]).toEqual([false, true, 'writeOnly'])
      await turns(3)
      right.write('ans')
      right.end('wer')
      expect(String(await readAll(left))).toBe('answer')
      expect(await Promise.all([closed(left), closed(right)])).toEqual([undefined, undefined])
    }
  })

  it('ends the other side too without allowHalfOpen', async () => {
    const [left, right] = await joinSockets(join)
    right.resume()
    left.resume()
    left.end()
    expect(await Promise.all([closed(left), closed(right)])).toEqual([undefined, undefined])
  })

  it.each([
    ['destroy', (socket: ReturnType<typeof channelDuplex>) => socket.destroy(), undefined],
    ['destroySoon', (socket: ReturnType<typeof channelDuplex>) => socket.destroySoon(), undefined],
    [
      'destroy with an error',
      (socket: ReturnType<typeof channelDuplex>) => socket.destroy(new Error('mine')),
      'mine',
    ],
  ])(
    'delivers everything that was written before %s, then an end in order',
    async (_how, destroy, message) => {
      const [left, right] = await joinSockets(join)
      const leftClosed = closed(left)
      for (let index = 0; index < 1_000; index += 1) left.write(`${index},`)
      destroy(left)
      const expected = Array.from({ length: 1_000 }, (_, index) => `${index},`).join('')
      expect(String(await readAll(right))).toBe(expected)
      expect(await closed(right)).toBeUndefined()
      expect((await leftClosed)?.message).toBe(message)
    },
  )

  it('discards what the peer sends to a destroyed socket, which closes at once', async () => {
    const [left, right] = await joinSockets(join)
    const rightClosed = closed(right)
    right.write(Buffer.alloc(1_000_000))
    await turn()
    left.destroy()
    expect(await closed(left)).toBeUndefined()
    expect(await rightClosed).toMatchObject({ code: 'EPIPE', syscall: 'write' })
  })

  it('is EPIPE for a write after the peer destroyed its socket', async () => {
    const [left, right] = await joinSockets(join, { allowHalfOpen: true })
    left.destroy()
    await readAll(right)
    const rightClosed = closed(right)
    while (!right.destroyed) {
      right.write('more')
      await turn()
    }
    expect(await rightClosed).toMatchObject({ code: 'EPIPE', syscall: 'write' })
  })

  it('is ECONNRESET after resetAndDestroy, and after the death of the peer', async () => {
    for (const how of ['reset', 'death']) {
      const [left, right] = await joinByteChannels(join)
      const [dying, other] = [channelDuplex(left), channelDuplex(right)]
      const received = readAll(other)
      dying.write('last words')
      await once(other, 'data')
      const dyingClosed = closed(dying)
      if (how === 'reset') dying.resetAndDestroy()
      else left.destroy()
      await expect(received).rejects.toMatchObject({
        code: 'ECONNRESET',
        syscall: 'read',
        errno: errnoOf('ECONNRESET'),
      })
      await expect(received).rejects.toHaveProperty('cause.code', ErrorCode.PEER_GONE)
      expect(other.closed).toBe(true)
      if (how === 'reset') expect(await dyingClosed).toBeUndefined()
      else dying.destroy()
    }
  })

  it('stays in order when the peer dies after its end', async ({ skip }) => {
    skip(IS_WINDOWS && name === 'socket', 'a pipe drops unread bytes when its writer ends')
    const [left, right] = await joinByteChannels(join)
    const [dying, other] = [channelDuplex(left, { allowHalfOpen: true }), channelDuplex(right)]
    dying.end('all of it')
    await once(dying, 'finish')
    left.destroy()
    expect(String(await readAll(other))).toBe('all of it')
    expect(await closed(other)).toBeUndefined()
  })

  it('comes from close() of the channel, too', async () => {
    const [left, right] = await joinByteChannels(join)
    const socket = channelDuplex(left)
    await right.send(Buffer.from('bytes'))
    await right.close()
    expect(String(await readAll(socket))).toBe('bytes')
    expect(await closed(socket)).toBeUndefined()
  })

  it('fails with CORRUPT for data after it', async () => {
    const [left, right] = await joinByteChannels(join)
    const socket = channelDuplex(left, { allowHalfOpen: true })
    socket.resume()
    const failed = closed(socket)
    await right.send(Buffer.alloc(0))
    await right.send(Buffer.from('more'))
    expect(await failed).toMatchObject({ code: ErrorCode.CORRUPT })
  })

  it('calls back every write, in order, when the socket is destroyed', async () => {
    const [left] = await joinSockets(join)
    const called: number[] = []
    for (let index = 0; index < 20; index += 1)
      left.write(Buffer.alloc(60_000), () => {
        called.push(index)
      })
    await turn()
    left.destroy()
    await closed(left)
    await turns(2)
    expect(called).toEqual(Array.from({ length: 20 }, (_, index) => index))
  })
})
