import { describe, expect, it } from 'vitest'
import { SendWindow, WINDOW_MESSAGES } from '../../../../src/service/call/send-window.js'
import {
  isAsyncIterable,
  isStream,
  StreamPump,
  type StreamTarget,
} from '../../../../src/service/call/stream-pump.js'
import { turns } from '../../../support/turns.js'
import { waitFor } from '../../../support/wait-for.js'

interface Target extends StreamTarget {
  readonly sent: unknown[]
  /** The messages that were sent at each flush. */
  readonly flushes: number[]
  readonly flushesSoon: number[]
}

function target(window: SendWindow, send?: (message: unknown) => Promise<void> | undefined): Target {
  const sent: unknown[] = []
  const flushes: number[] = []
  const flushesSoon: number[] = []
  return {
    sent,
    flushes,
    flushesSoon,
    flush: () => void flushes.push(sent.length),
    flushSoon: () => void flushesSoon.push(sent.length),
    lastBytes: 1,
    check: () => undefined,
    send: (message) => {
      sent.push(message)
      window.sent(1)
      return send?.(message)
    },
  }
}

/** An iterator that records its calls. */
function recorded(next: () => unknown, calls: string[] = []) {
  return {
    calls,
    [Symbol.asyncIterator]: () => ({
      next: () => {
        calls.push('next')
        return next() as Promise<IteratorResult<unknown>>
      },
      return: () => {
        calls.push('return')
        return Promise.resolve({ value: undefined, done: true as const })
      },
    }),
  }
}

describe('StreamPump', () => {
  it('awaits the promises of a plain iterable, as a loop does', async () => {
    const window = new SendWindow()
    const to = target(window)
    await new StreamPump([Promise.resolve(1), 2], window, to).run()
    expect(to.sent).toEqual([1, 2])
  })

  it('sends the messages of async and plain iterables in order', async () => {
    async function* later(): AsyncGenerator<number> {
      yield* [1, 2, 3]
    }
    for (const source of [later(), [1, 2, 3], new Set([1, 2, 3])]) {
      const window = new SendWindow()
      const to = target(window)
      await new StreamPump(source, window, to).run()
      expect(to.sent).toEqual([1, 2, 3])
    }
  })

  it('stops at the window and continues with credit', async () => {
    const window = new SendWindow()
    const to = target(window)
    const source = Array.from({ length: 100 }, (_, index) => index)
    const run = new StreamPump(source, window, to).run()
    await waitFor(() => expect(to.sent).toHaveLength(WINDOW_MESSAGES))
    await turns(3)
    expect(to.sent).toHaveLength(WINDOW_MESSAGES)
    window.credit(10, 10)
    await waitFor(() => expect(to.sent).toHaveLength(WINDOW_MESSAGES + 10))
    await turns(3)
    expect(to.sent).toHaveLength(WINDOW_MESSAGES + 10)
    window.credit(WINDOW_MESSAGES, WINDOW_MESSAGES)
    await run
    expect(to.sent).toEqual(source)
  })

  it('flushes at the window and at the end, and soon when it waits for the source', async () => {
    const window = new SendWindow()
    const to = target(window)
    const source = Array.from({ length: 70 }, (_, index) => (index === 5 ? Promise.resolve(5) : index))
    const run = new StreamPump(source, window, to).run()
    await waitFor(() => expect(to.flushes).toEqual([WINDOW_MESSAGES]))
    window.credit(WINDOW_MESSAGES, WINDOW_MESSAGES)
    await run
    expect(to.flushes).toEqual([WINDOW_MESSAGES, 70])
    // There are more if the messages take longer than a turn may.
    expect(to.flushesSoon).toContain(5)
  })

  it('flushes before it rejects', async () => {
    function* failing(): Generator<number> {
      yield 1
      throw new Error('mine')
    }
    const window = new SendWindow()
    const to = target(window)
    await expect(new StreamPump(failing(), window, to).run()).rejects.toThrow('mine')
    expect(to.flushes).toEqual([1])
  })

  it('takes no message while one waits for room', async () => {
    const window = new SendWindow()
    let release = (): void => {}
    const to = target(
      window,
      () =>
        new Promise((resolve) => {
          release = resolve
        }),
    )
    const run = new StreamPump([1, 2], window, to).run()
    await turns(3)
    expect(to.sent).toEqual([1])
    release()
    await turns(3)
    expect(to.sent).toEqual([1, 2])
    release()
    await run
  })

  it('ends its source when it is stopped: at once, at the window, during next', async () => {
    const unstarted = recorded(() => Promise.resolve({ value: 1, done: false }))
    const first = new StreamPump(unstarted, new SendWindow(), target(new SendWindow()))
    first.stop()
    first.stop()
    await first.run()
    expect(unstarted.calls).toEqual(['return'])

    const window = new SendWindow()
    const endless = recorded(() => Promise.resolve({ value: 1, done: false }))
    const second = new StreamPump(endless, window, target(window))
    const run = second.run()
    await turns(5)
    second.stop()
    await run
    expect(endless.calls.slice(WINDOW_MESSAGES)).toEqual(['return'])

    let answer = (_result: unknown): void => {}
    const slow = recorded(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    const to = target(new SendWindow())
    const third = new StreamPump(slow, new SendWindow(), to)
    const ended = third.run()
    await turns(1)
    third.stop()
    expect(slow.calls).toEqual(['next', 'return'])
    answer({ value: 1, done: false })
    await ended
    expect(to.sent).toEqual([])
  })

  it('does not call return after the end of its source', async () => {
    const source = recorded(() => Promise.resolve({ value: undefined, done: true }))
    const pump = new StreamPump(source, new SendWindow(), target(new SendWindow()))
    await pump.run()
    pump.stop()
    expect(source.calls).toEqual(['next'])
  })

  it('rejects with the error of its source or of a message, and ends the source', async () => {
    const error = new Error('mine')
    const failing = new StreamPump(
      recorded(() => Promise.reject(error)),
      new SendWindow(),
      target(new SendWindow()),
    )
    await expect(failing.run()).rejects.toBe(error)
    let ended = false
    function* source(): Generator<number> {
      try {
        yield 1
        yield 2
      } finally {
        ended = true
      }
    }
    const window = new SendWindow()
    const refusing = target(window, () => {
      throw error
    })
    await expect(new StreamPump(source(), window, refusing).run()).rejects.toBe(error)
    expect(ended).toBe(true)
  })

  it('ignores an error of return, because the call has ended', async () => {
    for (const end of [
      () => Promise.reject(new Error('no')),
      () => {
        throw new Error('no')
      },
      undefined,
    ]) {
      const source = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: end as never }),
      }
      const pump = new StreamPump(source, new SendWindow(), target(new SendWindow()))
      void pump.run()
      pump.stop()
      await turns(2)
    }
  })

  it('distinguishes streams from other messages', () => {
    expect([[], new Set(), (async function* () {})()].map(isStream)).toEqual([true, true, true])
    expect([null, undefined, 'text', 5, {}, () => {}].map(isStream)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
    ])
    expect([[], (async function* () {})(), null].map(isAsyncIterable)).toEqual([false, true, false])
  })

  it.each([undefined, null, 5, () => {}])('rejects the result %o of an iterator', async (result) => {
    for (const next of [() => result, () => Promise.resolve(result)]) {
      const window = new SendWindow()
      const source = recorded(next)
      await expect(new StreamPump(source, window, target(window)).run()).rejects.toThrow(
        'next() must return { done, value }',
      )
      expect(source.calls).toEqual(['next', 'return'])
    }
  })
})
