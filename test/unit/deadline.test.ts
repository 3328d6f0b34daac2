import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { endWithin, waitWithin } from '../../src/deadline.js'
import { ErrorCode } from '../../src/errors.js'
import { collectUncaught } from '../support/uncaught.js'

vi.mock('../../src/host.js', () => import('../support/global-host.js'))

const never = () => () => {}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('waitWithin', () => {
  it('leaves no timer and no listener behind when begin settles at once', async () => {
    const { signal } = new AbortController()
    const takeBack = vi.fn()
    const wait = waitWithin<number>({ signal, timeoutMs: 10 }, 'it', (resolve) => {
      resolve(7)
      return takeBack
    })
    expect(await wait).toBe(7)
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(takeBack).not.toHaveBeenCalled()
  })

  it.each(['resolve', 'reject'])(
    'leaves no timer and no listener behind when it settles later: %s',
    async (how) => {
      const { signal } = new AbortController()
      const wait = waitWithin<void>({ signal, timeoutMs: 10 }, 'it', (resolve, reject) => {
        setTimeout(() => (how === 'resolve' ? resolve() : reject(new Error('no'))), 5)
        return () => {}
      })
      const settled = wait.then(
        () => 'resolve',
        () => 'reject',
      )
      expect(getEventListeners(signal, 'abort')).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(5)
      expect(await settled).toBe(how)
      expect(vi.getTimerCount()).toBe(0)
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    },
  )

  it('cancels the wait once and rejects with TIMEOUT, with the wait and the time', async () => {
    const { signal } = new AbortController()
    const takeBack = vi.fn()
    const wait = waitWithin({ signal, timeoutMs: 10 }, 'the wait', () => takeBack)
    const rejected = expect(wait).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
      message: 'the wait took longer than timeoutMs: 10',
    })
    await vi.advanceTimersByTimeAsync(10)
    await rejected
    expect(takeBack).toHaveBeenCalledOnce()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('cancels the wait and rejects with ABORTED, with the reason as cause', async () => {
    const controller = new AbortController()
    const takeBack = vi.fn()
    const wait = waitWithin({ signal: controller.signal, timeoutMs: 10 }, 'it', () => takeBack)
    controller.abort('enough')
    await expect(wait).rejects.toMatchObject({ code: ErrorCode.ABORTED, cause: 'enough' })
    expect(takeBack).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not begin when the signal was aborted before', async () => {
    const begin = vi.fn(never)
    await expect(waitWithin({ signal: AbortSignal.abort() }, 'it', begin)).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
    })
    expect(begin).not.toHaveBeenCalled()
  })

  it('notices a signal that fires while it begins', async () => {
    const controller = new AbortController()
    const takeBack = vi.fn()
    const wait = waitWithin({ signal: controller.signal, timeoutMs: 10 }, 'it', () => {
      controller.abort()
      return takeBack
    })
    await expect(wait).rejects.toMatchObject({ code: ErrorCode.ABORTED })
    expect(takeBack).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('reads its options once', async () => {
    const signals = [new AbortController().signal, 'not a signal']
    const times = [10, Number.NaN]
    const options = {
      get signal() {
        return signals.shift() as AbortSignal
      },
      get timeoutMs() {
        return times.shift() as number
      },
    }
    const rejected = expect(waitWithin(options, 'it', never)).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
    await vi.advanceTimersByTimeAsync(10)
    await rejected
  })

  it('fails although the cancellation settles the wait', async () => {
    const wait = waitWithin<string>({ timeoutMs: 1 }, 'it', (resolve) => () => resolve('late'))
    const rejected = expect(wait).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    await vi.advanceTimersByTimeAsync(1)
    await rejected
  })

  it('rejects with the exception of begin', async () => {
    const wait = waitWithin({ timeoutMs: 1 }, 'it', () => {
      throw new Error('broken')
    })
    await expect(wait).rejects.toThrow('broken')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('rejects wrong options with INVALID_ARGUMENT', async () => {
    await expect(waitWithin({ timeoutMs: -1 }, 'it', never)).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })
})

describe('many waits under one signal', () => {
  it('have one listener, from the first wait to the last', async () => {
    const { signal } = new AbortController()
    const settles: (() => void)[] = []
    const waits = Array.from({ length: 1_000 }, () =>
      waitWithin<void>({ signal }, 'it', (resolve) => {
        settles.push(resolve)
        return () => {}
      }),
    )
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const settle of settles.slice(1)) settle()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    settles[0]?.()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await Promise.all(waits)
  })

  it('all end in order, each cancelled once, although a cancellation throws', async () => {
    const controller = new AbortController()
    const taken: number[] = []
    const wait = (index: number) =>
      waitWithin<void>({ signal: controller.signal }, `wait ${index % 2}`, () => () => {
        taken.push(index)
        if (index === 3) throw new Error('taking back')
      })
    const uncaught = await collectUncaught(async () => {
      const waits = Array.from({ length: 10 }, (_, index) => wait(index))
      controller.abort('enough')
      for (const [index, result] of (await Promise.allSettled(waits)).entries())
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { code: ErrorCode.ABORTED, cause: 'enough', message: `wait ${index % 2} was aborted` },
        })
      await new Promise((resolve) => process.nextTick(resolve))
    })
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(uncaught).toMatchObject([{ message: 'taking back' }])
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  it('end too if they begin while others end', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const begun: Promise<unknown>[] = []
    const first = waitWithin({ signal }, 'first', () => () => {
      begun.push(waitWithin({ signal }, 'second', never))
    })
    controller.abort()
    await expect(first).rejects.toMatchObject({ code: ErrorCode.ABORTED })
    expect(begun).toHaveLength(1)
    await expect(begun[0]).rejects.toMatchObject({ message: 'second was aborted' })
  })
})

describe('endWithin', () => {
  it('begins under a signal that was aborted before, and cancels the wait', async () => {
    const steps: string[] = []
    const end = endWithin({ signal: AbortSignal.abort('enough'), timeoutMs: 10 }, 'it', () => {
      steps.push('begun')
      return () => void steps.push('taken back')
    })
    await expect(end).rejects.toMatchObject({ code: ErrorCode.ABORTED, cause: 'enough' })
    expect(steps).toEqual(['begun', 'taken back'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('resolves under a signal that was aborted before when the end has already happened', async () => {
    const signal = AbortSignal.abort()
    await endWithin({ signal }, 'it', (resolve) => {
      resolve()
      return never
    })
  })
})
