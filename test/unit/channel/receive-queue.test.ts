import { beforeEach, describe, expect, it } from 'vitest'
import { ReceiveQueue } from '../../../src/channel/receive-queue.js'
import { loopTests } from '../../support/loop-tests.js'

const MESSAGES_MAX = 256
const BYTES_MAX = 256 * 1024

let rooms: number
let queue: ReceiveQueue
beforeEach(() => {
  rooms = 0
  queue = new ReceiveQueue(() => {
    rooms += 1
  })
})

function fill(count: number, bytes = 1): void {
  for (let index = 0; index < count; index += 1) queue.push(index, bytes)
}

const iterate = (onDone: () => void = () => {}): AsyncIterableIterator<unknown, undefined> =>
  queue.iterate(onDone)

describe('held messages', () => {
  it('leave the queue in order, until it is empty', () => {
    fill(1_000)
    const out = Array.from({ length: 1_000 }, () => queue.shift())
    expect(out).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
    expect(queue.empty).toBe(true)
  })

  it('fill the queue at a number of messages, and it reports once that it has room again', () => {
    fill(MESSAGES_MAX - 1)
    expect(queue.full).toBe(false)
    fill(1)
    expect(queue.full).toBe(true)
    expect(rooms).toBe(0)
    queue.shift()
    expect([queue.full, rooms]).toEqual([false, 1])
    queue.shift()
    expect(rooms).toBe(1)
  })

  it('fill the queue at a number of bytes, however few they are', () => {
    queue.push('short', BYTES_MAX - 1)
    expect(queue.full).toBe(false)
    queue.push('one more', 1)
    expect(queue.full).toBe(true)
    queue.shift()
    expect([queue.full, rooms]).toEqual([false, 1])
  })

  it('may exceed the bound by one batch, and leave room only below the bound', () => {
    fill(MESSAGES_MAX + 100)
    for (let count = 0; count < 100; count += 1) queue.shift()
    expect([queue.full, rooms]).toEqual([true, 0])
    queue.shift()
    expect([queue.full, rooms]).toEqual([false, 1])
  })
})

describe('the only held message', () => {
  const slab = new ArrayBuffer(BYTES_MAX)

  it('counts for its memory as soon as a second one follows', () => {
    queue.push('first', 1, new Uint8Array(slab, 0, 64))
    expect(queue.full).toBe(false)
    queue.push('second', 1, new Uint8Array(slab, 64, 64))
    expect(queue.full).toBe(true)
    expect([queue.shift(), queue.full, rooms]).toEqual(['first', false, 1])
    expect([queue.shift(), queue.empty]).toEqual(['second', true])
  })

  it('fills the queue alone if it is long', () => {
    queue.push('long', 1, new Uint8Array(slab))
    expect([queue.full, queue.shift(), queue.full, rooms]).toEqual([true, 'long', false, 1])
  })

  it('may be undefined', () => {
    queue.push(undefined, 1)
    expect(queue.empty).toBe(false)
    queue.push('second', 1)
    expect([queue.shift(), queue.shift(), queue.empty]).toEqual([undefined, 'second', true])
  })

  it('comes first in a loop that begins later, and the error of the channel after it', async () => {
    queue.push('only', 1)
    queue.end(new Error('it ended'))
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 'only', done: false })
    await expect(iterator.next()).rejects.toThrow('it ended')
  })

  it('leaves with the others', () => {
    queue.push('only', 1)
    queue.clear()
    expect([queue.empty, queue.shift()]).toEqual([true, undefined])
  })

  it('reports that the queue is empty when it is taken', () => {
    let empties = 0
    const reporting = new ReceiveQueue(
      () => {},
      () => {
        empties += 1
      },
    )
    reporting.push('only', 1)
    reporting.shift()
    expect(empties).toBe(1)
  })
})

describe('an iterator', () => {
  loopTests(() => {
    const messages = new ReceiveQueue(() => {})
    return {
      get iterating() {
        return messages.iterating
      },
      iterate: (onDone) => messages.iterate(onDone),
      push: (message) => messages.push(message, 1),
      end: (error) => messages.end(error),
    }
  })

  it('returns held messages, then new ones directly', async () => {
    queue.push('held', 1)
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 'held', done: false })
    const next = iterator.next()
    queue.push('new', 1)
    expect(queue.empty).toBe(true)
    expect(await next).toEqual({ value: 'new', done: false })
  })

  it('ends a waiting call of next when it is left, and takes no further message', async () => {
    const iterator = iterate()
    const waiting = iterator.next()
    await iterator.return?.()
    expect(await waiting).toEqual({ value: undefined, done: true })
    queue.push('later', 1)
    expect([queue.empty, queue.shift()]).toEqual([false, 'later'])
  })
})
