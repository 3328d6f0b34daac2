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

describe('what is held', () => {
  it('comes out in order, and leaves the queue empty', () => {
    fill(1_000)
    const out = Array.from({ length: 1_000 }, () => queue.shift())
    expect(out).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
    expect(queue.empty).toBe(true)
  })

  it('is full at so many messages, and says so once when there is room again', () => {
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

  it('is full at so many bytes, however few the messages', () => {
    queue.push('short', BYTES_MAX - 1)
    expect(queue.full).toBe(false)
    queue.push('one more', 1)
    expect(queue.full).toBe(true)
    queue.shift()
    expect([queue.full, rooms]).toEqual([false, 1])
  })

  it('may be more than full by what came in one batch, and has room only below the bound', () => {
    fill(MESSAGES_MAX + 100)
    for (let count = 0; count < 100; count += 1) queue.shift()
    expect([queue.full, rooms]).toEqual([true, 0])
    queue.shift()
    expect([queue.full, rooms]).toEqual([false, 1])
  })
})

describe('an iterator', () => {
  it('gives what is held, then what comes, without holding it', async () => {
    queue.push('held', 1)
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 'held', done: false })
    const next = iterator.next()
    queue.push('new', 1)
    expect(queue.empty).toBe(true)
    expect(await next).toEqual({ value: 'new', done: false })
  })

  it('answers calls of next in their order', async () => {
    const iterator = iterate()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    fill(3)
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual([0, 1, 2])
  })

  it('ends in order after all that is held', async () => {
    fill(2)
    queue.end(undefined)
    const seen: unknown[] = []
    for await (const message of iterate()) seen.push(message)
    expect(seen).toEqual([0, 1])
  })

  it('throws the error once, after all that is held, then is done', async () => {
    fill(1)
    queue.end(new Error('broke'))
    const iterator = iterate()
    expect(await iterator.next()).toEqual({ value: 0, done: false })
    await expect(iterator.next()).rejects.toThrow('broke')
    expect(await iterator.next()).toEqual({ value: undefined, done: true })
  })

  it('ends the calls that wait: the first with the error, the others as done', async () => {
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

  it('that is left leaves the rest for the next one', async () => {
    fill(4)
    let done = 0
    for await (const message of iterate(() => (done += 1))) if (message === 1) break
    expect([done, queue.iterating]).toEqual([1, false])
    const rest: unknown[] = []
    for await (const message of iterate()) if (rest.push(message) === 2) break
    expect(rest).toEqual([2, 3])
  })

  it('is the only one: a second is refused until the first is done', async () => {
    const first = iterate()
    expect(() => iterate()).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error)
    await first.return?.()
    expect(await iterate().return?.()).toEqual({ value: undefined, done: true })
  })

  it('that is left while next waits ends that call, and takes no message any more', async () => {
    const iterator = iterate()
    const waiting = iterator.next()
    await iterator.return?.()
    expect(await waiting).toEqual({ value: undefined, done: true })
    queue.push('later', 1)
    expect([queue.empty, queue.shift()]).toEqual([false, 'later'])
  })
})
