import { beforeEach, describe, expect, it } from 'vitest'
import { AsyncQueue } from '../../src/async-queue.js'
import { loopTests } from '../support/loop-tests.js'

let shifts: number
let queue: AsyncQueue<number>
beforeEach(() => {
  shifts = 0
  queue = new AsyncQueue(() => {
    shifts += 1
  })
})

function fill(count: number): void {
  for (let index = 0; index < count; index += 1) queue.push(index)
}

const iterate = (onDone: () => void = () => {}): AsyncIterableIterator<number, undefined> =>
  queue.iterate(onDone)

describe('AsyncQueue', () => {
  it('returns items in order, and undefined when it is empty', () => {
    fill(100)
    expect(Array.from({ length: 100 }, () => queue.shift())).toEqual(
      Array.from({ length: 100 }, (_, index) => index),
    )
    expect([queue.shift(), queue.length, shifts]).toEqual([undefined, 0, 100])
  })

  it('holds undefined like any other item', async () => {
    const items = new AsyncQueue<undefined>()
    items.push(undefined)
    expect(items.length).toBe(1)
    expect(await items.iterate(() => {}).next()).toEqual({ value: undefined, done: false })
  })

  it('removes all items without a call of onShift when it is cleared', () => {
    fill(3)
    queue.clear()
    expect([queue.length, queue.shift(), shifts]).toEqual([0, undefined, 0])
  })
})

describe('the loop of an AsyncQueue', () => {
  loopTests(() => new AsyncQueue())

  it('receives held items, then new ones directly', async () => {
    expect(queue.push(1)).toBe(true)
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 1, done: false })
    const next = iterator.next()
    expect(queue.push(2)).toBe(false)
    expect(await next).toEqual({ value: 2, done: false })
    expect([queue.length, shifts]).toEqual([0, 1])
  })

  it('completes a waiting call and takes no further item when it is left', async () => {
    const iterator = iterate()
    const waiting = iterator.next()
    await iterator.return?.()
    expect(await waiting).toEqual({ value: undefined, done: true })
    expect(queue.push(1)).toBe(true)
    expect(queue.shift()).toBe(1)
  })
})
