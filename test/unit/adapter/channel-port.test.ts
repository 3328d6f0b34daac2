import { describe, expect, it } from 'vitest'
import { birpcTransport, type ChannelPort, channelPort } from '../../../src/adapter/port.js'
import { channelDuplex } from '../../../src/adapter/stream.js'
import { ErrorCode } from '../../../src/errors.js'
import { type ChannelPairOptions, createChannelPair } from '../../../src/testing/channel-pair.js'
import { turns } from '../../support/turns.js'
import { collectUncaught } from '../../support/uncaught.js'

function ports(options?: ChannelPairOptions): [ChannelPort, ChannelPort] {
  const [left, right] = createChannelPair(options)
  return [channelPort(left), channelPort(right)]
}

describe('channelPort', () => {
  it('delivers messages to listeners of both kinds, as value and as data of an event', async () => {
    const [left, right] = ports()
    const seen: unknown[] = []
    right.on('message', (message) => seen.push(['on', message]))
    right.addEventListener('message', (event) => {
      seen.push([
        'event',
        (event as MessageEvent).data,
        event instanceof MessageEvent,
        event.target === right,
      ])
    })
    right.onmessage = ({ data }) => seen.push(['onmessage', data])
    left.postMessage({ text: 'hello' })
    await turns(3)
    const value = { text: 'hello' }
    expect(seen).toEqual([
      ['on', value],
      ['event', value, true, true],
      ['onmessage', value],
    ])
  })

  it.each<[string, (port: ChannelPort, take: (message: unknown) => void) => void]>([
    ['on', (port, take) => port.on('message', take)],
    ['addListener', (port, take) => port.addListener('message', take)],
    [
      'addEventListener',
      (port, take) => port.addEventListener('message', (event) => take((event as MessageEvent).data)),
    ],
    [
      'onmessage',
      (port, take) => {
        port.onmessage = ({ data }) => take(data)
      },
    ],
  ])('holds messages until %s', async (_how, listen) => {
    const [left, right] = ports()
    right.on('close', () => {})
    for (let index = 0; index < 5; index += 1) left.postMessage(index)
    await turns(5)
    const seen: unknown[] = []
    listen(right, (message) => seen.push(message))
    await turns(3)
    expect(seen).toEqual([0, 1, 2, 3, 4])
  })

  it('removes listeners, and calls those of once a single time', async () => {
    const [left, right] = ports()
    const seen: string[] = []
    const removed = (): number => seen.push('removed')
    right.on('message', removed).off('message', removed)
    right.addListener('message', removed).removeListener('message', removed)
    right.addEventListener('message', removed)
    right.removeEventListener('message', removed)
    right.once('message', () => seen.push('once'))
    right.addEventListener('message', () => seen.push('event, once'), { once: true })
    right.onmessage = removed
    right.onmessage = null
    left.postMessage(1)
    left.postMessage(2)
    await turns(3)
    expect([seen, right.onmessage]).toEqual([['once', 'event, once'], null])
  })

  it('calls the other listeners when one throws', async () => {
    const [left, right] = ports()
    const seen: unknown[] = []
    const thrown = await collectUncaught(async () => {
      right.on('message', () => {
        throw new Error('mine')
      })
      right.addEventListener('message', (event) => seen.push((event as MessageEvent).data))
      left.postMessage(1)
      left.postMessage(2)
      await turns(5)
    })
    expect([seen, thrown.map((error) => (error as Error).message)]).toEqual([
      [1, 2],
      ['mine', 'mine'],
    ])
  })

  it('keeps the order of messages that wait for room', async () => {
    const [left, right] = ports({ ringBytes: 65_536 })
    const seen: number[] = []
    for (let index = 0; index < 20; index += 1) left.postMessage({ index, bytes: Buffer.alloc(20_000) })
    right.on('message', ({ index }) => seen.push(index))
    await expect.poll(() => seen.length).toBe(20)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index))
  })

  it('reports a message beyond maxOutboxBytes as messageerror', async () => {
    const [left] = ports({ ringBytes: 65_536, maxOutboxBytes: 50_000 })
    const errors: unknown[] = []
    left.on('messageerror', (error) => errors.push(error))
    left.onmessageerror = ({ data }) => errors.push(data)
    for (let index = 0; index < 6; index += 1) left.postMessage(Buffer.alloc(40_000))
    await turns(3)
    expect(errors.length).toBeGreaterThanOrEqual(2)
    expect(errors[0]).toMatchObject({ code: ErrorCode.BACKLOG })
    expect(errors[1]).toBe(errors[0])
    expect(left.onmessageerror).toBeTypeOf('function')
  })

  it('rejects what is not a channel, as channelDuplex and birpcTransport do', () => {
    for (const adapt of [channelPort, channelDuplex, birpcTransport])
      expect(() => adapt({} as never)).toThrow(
        /channel is \[object Object\]; it must be a channel of connect or listen/,
      )
  })

  it('throws for values that cannot be sent, and for objects to transfer', () => {
    const [left] = ports()
    expect(() => left.postMessage(() => {})).toThrow(expect.objectContaining({ code: ErrorCode.CODEC }))
    const message = /2 objects to transfer; a channel copies messages, so leave the list out/
    expect(() => left.postMessage(1, [{}, {}])).toThrow(message)
    expect(() => left.postMessage(1, { transfer: [{}, {}] })).toThrow(message)
    left.postMessage(1, [])
    left.postMessage(1, {})
  })

  it('delivers what was sent before close, and nothing after it, and emits close on both sides', async () => {
    const [left, right] = ports()
    const seen: unknown[] = []
    right.on('message', (message) => seen.push(message))
    right.on('close', (error) => seen.push(['close', error]))
    left.addEventListener('close', (event) => seen.push((event as MessageEvent).type))
    left.on('message', () => seen.push('a message after close'))
    left.postMessage('last')
    right.postMessage('late')
    left.close()
    left.close()
    left.postMessage('ignored')
    await turns(10)
    expect(new Set(seen)).toEqual(new Set(['last', 'close', ['close', undefined]]))
  })

  it('emits close with the reason when the peer is gone', async () => {
    const [left, right] = createChannelPair()
    const port = channelPort(left)
    const closed = new Promise((resolve) => {
      port.on('close', resolve)
    })
    port.start()
    right.destroy()
    expect(await closed).toMatchObject({ code: ErrorCode.PEER_GONE })
    port.postMessage('ignored')
    expect(port.ref().unref().peer.pid).toBe(process.pid)
  })
})
