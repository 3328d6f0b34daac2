import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { channelDuplex } from '../../../src/adapter/stream.js'
import type { Channel } from '../../../src/channel/channel.js'

vi.mock('../../../src/host.js', () => import('../../support/global-host.js'))

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A channel whose peer reads nothing. */
class FullChannel extends EventEmitter {
  readonly maxMessageBytes = 65_536
  readonly open = true
  readonly calls: string[] = []
  trySend(): boolean {
    return false
  }
  send(): Promise<void> {
    this.calls.push('send')
    return new Promise(() => {})
  }
  close(): Promise<void> {
    this.calls.push('close')
    return new Promise(() => {})
  }
  destroy(): void {
    this.calls.push('destroy')
    this.emit('close')
  }
}

it('destroys the channel of a destroyed socket after 30 seconds when the peer does not read', () => {
  const channel = new FullChannel()
  channelDuplex(channel as unknown as Channel).destroy()
  vi.advanceTimersByTime(29_999)
  expect(channel.calls).toEqual(['send', 'close'])
  vi.advanceTimersByTime(1)
  expect(channel.calls).toEqual(['send', 'close', 'destroy'])
})

it('waits no longer once the channel has closed', () => {
  const channel = new FullChannel()
  channelDuplex(channel as unknown as Channel).destroy()
  channel.emit('close')
  expect(vi.getTimerCount()).toBe(0)
})
