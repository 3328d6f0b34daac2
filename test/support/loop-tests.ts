import { beforeEach, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'

/** A queue whose items one `for await` loop at a time takes. */
export interface LoopQueue {
  readonly iterating: boolean
  iterate(onDone: () => void): AsyncIterableIterator<unknown, undefined>
  /** Adds an item. */
  push(item: number): void
  end(error?: Error): void
}

/** Tests of the loop, which every queue of items with a loop passes. */
export function loopTests(create: () => LoopQueue): void {
  let queue: LoopQueue
  beforeEach(() => {
    queue = create()
  })
  const fill = (count: number): void => {
    for (let index = 0; index < count; index += 1) queue.push(index)
  }
  const iterate = (onDone: () => void = () => {}): AsyncIterableIterator<unknown, undefined> =>
    queue.iterate(onDone)

  it('settles calls of next in their order', async () => {
    const iterator = iterate()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    fill(3)
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual([0, 1, 2])
  })

  it('ends after the held items when the queue ends', async () => {
    fill(2)
    queue.end()
    const seen: unknown[] = []
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
    const rest: unknown[] = []
    for await (const item of iterate()) if (rest.push(item) === 2) break
    expect(rest).toEqual([2, 3])
  })

  it('refuses a second loop until the first has ended', async () => {
    const first = iterate()
    expect(() => iterate()).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_STATE,
        message: 'another for await loop is running; end it first',
      }) as Error,
    )
    await first.return?.()
    expect(await iterate().return?.()).toEqual({ value: undefined, done: true })
  })
}
