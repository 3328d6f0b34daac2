import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { type ChannelSocket, channelDuplex } from '../../../src/adapter/stream.js'
import type { Channel } from '../../../src/channel/channel.js'
import { ErrorCode } from '../../../src/errors.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { closed } from '../../support/socket-of-channels.js'

function open(): [ChannelSocket, Channel] {
  const [left, right] = createChannelPair({ codec: 'bytes' })
  return [channelDuplex(left), right]
}

describe('channelDuplex', () => {
  it('is connected at once', () => {
    const [socket] = open()
    expect([socket.connecting, socket.pending, socket.readyState]).toEqual([false, false, 'open'])
    expect([socket.peer?.pid, socket.timeout]).toEqual([process.pid, undefined])
  })

  it('accepts the calls of net.Socket that have no effect', () => {
    const [socket] = open()
    expect(socket.setNoDelay(true).setKeepAlive(true, 1000).ref().unref()).toBe(socket)
    expect([socket.address(), socket.remoteAddress, socket.remotePort]).toEqual([{}, undefined, undefined])
  })

  it('emits timeout when nothing was sent or received for the time', async () => {
    const [socket] = open()
    let calls = 0
    expect(
      socket.setTimeout(10, () => {
        calls += 1
      }),
    ).toBe(socket)
    await once(socket, 'timeout')
    expect([socket.timeout, calls, socket.destroyed]).toEqual([10, 1, false])
    // The listener was for one event.
    socket.write('again')
    await once(socket, 'timeout')
    expect(calls).toBe(1)
  })

  it('emits no timeout after setTimeout(0), nor after destroy', async () => {
    for (const stop of ['zero', 'destroy']) {
      const [socket] = open()
      let calls = 0
      const listener = (): void => {
        calls += 1
      }
      socket.setTimeout(1, listener)
      if (stop === 'zero') socket.setTimeout(0, listener)
      else socket.destroy().setTimeout(1)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect([calls, socket.listenerCount('timeout')]).toEqual([0, stop === 'zero' ? 0 : 1])
    }
  })

  it.each([-1, Number.NaN, 2 ** 31, '1'])('rejects setTimeout(%s)', (value) => {
    const [socket] = open()
    expect(() => socket.setTimeout(value as number)).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
    )
  })

  it('rejects unknown options and values that are not true or false', () => {
    const [channel] = createChannelPair({ codec: 'bytes' })
    expect(() => channelDuplex(channel, { allowHalfOpn: true } as object)).toThrow(
      /did you mean "allowHalfOpen"/,
    )
    expect(() => channelDuplex(channel, { allowHalfOpen: null } as never)).toThrow(/must be true or false/)
  })

  it('fails with INVALID_ARGUMENT for a message that is not binary', async () => {
    const [left, right] = createChannelPair()
    const socket = channelDuplex(left)
    socket.resume()
    const failed = closed(socket)
    right.trySend({ text: 'an object' })
    expect(await failed).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT, message: /codec 'bytes'/ })
  })

  it('reports the states of its two sides', async () => {
    const [socket, peer] = open()
    peer.on('message', () => {})
    socket.allowHalfOpen = true
    socket.resume()
    peer.trySend(Buffer.alloc(0))
    await once(socket, 'end')
    expect(socket.readyState).toBe('writeOnly')
    socket.end()
    expect(socket.readyState).toBe('closed')
    await closed(socket)
    const [other] = open()
    other.end()
    expect(other.readyState).toBe('readOnly')
  })
})
