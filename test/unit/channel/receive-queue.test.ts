import { beforeEach, describe, expect, it } from 'vitest'
import { ReceiveQueue } from '../../../src/channel/receive-queue.js'
import { ErrorCode } from '../../../src/errors.js'

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

describe('an iterator', () => {
  it('returns held messages, then new ones directly', async () => {
    queue.push('held', 1)
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 'held', done: false })
    const next = iterator.next()
    queue.push('new', 1)
    expect(queue.empty).toBe(true)
    expect(await next).toEqual({ value: 'new', done: false })
  })

  it('settles calls of next in their order', async () => {
    const iterator = iterate()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    fill(3)
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual([0, 1, 2])
  })

  it('ends in order after all held messages', async () => {
    fill(2)
    queue.end(undefined)
    const seen: unknown[] = []
    for await (const message of iterate()) seen.push(message)
    expect(seen).toEqual([0, 1])
  })

  it('throws the error once, after all held messages, then is done', async () => {
    fill(1)
    queue.end(new Error('broke'))
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 0, done: false })
    await expect(iterator.next()).rejects.toThrow('broke')
    expect(await iterator.next()).toEqual({ value: undefined, done: true })
  })

  it('ends waiting calls: the first with the error, the others as done', async () => {
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

  it('leaves the other messages to the next one when it is left', async () => {
    fill(4)
    let done = 0
    for await (const message of iterate(() => (done += 1))) if (message === 1) break
    expect([done, queue.iterating]).toEqual([1, false])
    const rest: unknown[] = []
    for await (const message of iterate()) if (rest.push(message) === 2) break
    expect(rest).toEqual([2, 3])
  })

  it('refuses a second one until the first is done', async () => {
    const first = iterate()
    expect(() => iterate()).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error)
    await first.return?.()
    expect(await iterate().return?.()).toEqual({ value: undefined, done: true })
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
