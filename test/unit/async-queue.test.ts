import { beforeEach, describe, expect, it } from 'vitest'
import { AsyncQueue } from '../../src/async-queue.js'
import { ErrorCode } from '../../src/errors.js'

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
  it('receives held items, then new ones directly', async () => {
    expect(queue.push(1)).toBe(true)
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 1, done: false })
    const next = iterator.next()
    expect(queue.push(2)).toBe(false)
    expect(await next).toEqual({ value: 2, done: false })
    expect([queue.length, shifts]).toEqual([0, 1])
  })

  it('settles calls of next in their order', async () => {
    const iterator = iterate()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    fill(3)
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual([0, 1, 2])
  })

  it('ends after the held items when the queue ends', async () => {
    fill(2)
    queue.end()
    const seen: number[] = []
    for await (const item of iterate()) seen.push(item)
    expect(seen).toEqual([0, 1])
  })

  it('throws the error of the end once, after the held items', async () => {
    fill(1)
    queue.end(new Error('broke'))
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 0, done: false })
    await expect(iterator.next()).rejects.toThrow('broke')
    expect(await iterator.next()).toEqual({ value: undefined, done: true })
  })

  it('rejects the first waiting call and completes the others when the queue ends with an error', async () => {
    const iterator = iterate()
    const calls = [iterator.next(), iterator.next(), iterator.next()].map((call) =>
      call.then(
        ({ done }) => done,
        (error: Error) => error.message,
      ),
    )
    queue.end(new Error('broke'))
    expect(await Promise.all(calls)).toEqual(['broke', true, true])
  })

  it('leaves the rest to the next loop when it is left', async () => {
    fill(4)
    let done = 0
    for await (const item of iterate(() => (done += 1))) if (item === 1) break
    expect([done, queue.iterating]).toEqual([1, false])
    const rest: number[] = []
    for await (const item of iterate()) if (rest.push(item) === 2) break
    expect(rest).toEqual([2, 3])
  })

  it('refuses a second loop until the first has ended', async () => {
    const first = iterate()
    expect(() => iterate()).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: 'another for await loop is running; end it first',
      }) as Error,
    )
    await first.return?.()
    expect(await iterate().return?.()).toEqual({ value: undefined, done: true })
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
