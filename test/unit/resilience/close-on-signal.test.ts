import { afterEach, describe, expect, it, vi } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import type { WaitOptions } from '../../../src/options.js'
import {
  type Closeable,
  type CloseOnSignalOptions,
  closeOnSignal,
  type Shutdown,
} from '../../../src/resilience/close-on-signal.js'
import { FakeClock, settle } from '../../support/fake-clock.js'

const shutdowns: Shutdown[] = []

afterEach(() => {
  for (const shutdown of shutdowns.splice(0)) shutdown.detach()
})

/** Signals that the process of the tests does not get; `emit` plays the kernel. */
const SIGNALS = ['SIGUSR2', 'SIGPIPE'] as const

function send(signal: (typeof SIGNALS)[number] = 'SIGUSR2'): void {
  process.emit(signal, signal)
}

function begun(
  steps: readonly (Closeable | readonly Closeable[])[],
  options: CloseOnSignalOptions = {},
): { clock: FakeClock; shutdown: Shutdown } {
  const clock = new FakeClock()
  const shutdown = closeOnSignal(steps, { signals: SIGNALS, exit: false, clock, ...options })
  shutdowns.push(shutdown)
  return { clock, shutdown }
}

/** Something that closes when the test says so. */
function held(): {
  close(options?: WaitOptions): Promise<void>
  end(error?: Error): void
  bounds: WaitOptions[]
} {
  const bounds: WaitOptions[] = []
  let settleClose: (error?: Error) => void = () => {}
  return {
    bounds,
    close: (options = {}) => {
      bounds.push(options)
      return new Promise((resolve, reject) => {
        settleClose = (error) => (error === undefined ? resolve() : reject(error))
      })
    },
    end: (error) => settleClose(error),
  }
}

describe('closeOnSignal', () => {
  it('closes the steps one after the other, and those of an inner array at once, within the rest of the time', async () => {
    const [gateway, left, right] = [held(), held(), held()]
    const { clock, shutdown } = begun([gateway, [left, right]], { timeoutMs: 1_000 })
    expect(shutdown.closing).toBe(false)
    send()
    expect(shutdown.closing).toBe(true)
    await clock.advance(300)
    expect([gateway, left, right].map(({ bounds }) => bounds.length)).toEqual([1, 0, 0])
    gateway.end()
    await settle()
    expect([left.bounds, right.bounds]).toMatchObject([[{ timeoutMs: 700 }], [{ timeoutMs: 700 }]])
    left.end()
    right.end()
    expect(await shutdown.closed).toEqual({ signal: 'SIGUSR2', exitCode: 0, errors: [] })
    expect(clock.timers).toBe(0)
  })

  it('calls functions and $close, and reports the signal first', async () => {
    const order: string[] = []
    const { shutdown } = begun(
      [
        () => {
          order.push('function')
        },
        {
          $close: async () => {
            order.push('client')
          },
        },
      ],
      { onSignal: (signal) => order.push(signal) },
    )
    send('SIGPIPE')
    await shutdown.closed
    expect(order).toEqual(['SIGPIPE', 'function', 'client'])
  })

  it('closes the others if one fails, and reports the error', async () => {
    const last = vi.fn()
    const logger = { debug: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const error = new Error('it does not close')
    const { shutdown } = begun([() => Promise.reject(error), last], { logger })
    send()
    expect(await shutdown.closed).toEqual({ signal: 'SIGUSR2', exitCode: 1, errors: [error] })
    expect(last).toHaveBeenCalledOnce()
    expect(logger.warn.mock.calls).toMatchObject([
      [
        { event: 'process.closeFailed', error: 'it does not close' },
        'shmwire: a close of closeOnSignal failed',
      ],
    ])
  })

  it('reports a failure if calls had to be cancelled', async () => {
    const service = held()
    const { clock, shutdown } = begun([service], { timeoutMs: 100 })
    send()
    await clock.advance(100)
    service.end()
    expect(await shutdown.closed).toEqual({ signal: 'SIGUSR2', exitCode: 1, errors: [] })
  })

  it('leaves a step that does not close three seconds after its time, and closes the next one', async () => {
    const last = held()
    const { clock, shutdown } = begun([[held(), vi.fn<() => void>()], last], { timeoutMs: 100 })
    send()
    await clock.advance(3_099)
    expect(last.bounds.length).toBe(0)
    await clock.advance(1)
    expect(last.bounds).toMatchObject([{ timeoutMs: 0 }])
    last.end()
    expect(await shutdown.closed).toMatchObject({ exitCode: 1, errors: [{ code: ErrorCode.TIMEOUT }] })
    expect(clock.timers).toBe(0)
  })

  it('reports each step that does not close', async () => {
    const { clock, shutdown } = begun([held(), held()], { timeoutMs: 100 })
    send()
    await clock.advance(3_100)
    await clock.advance(3_000)
    const { exitCode, errors } = await shutdown.closed
    expect({ exitCode, count: errors.length }).toEqual({ exitCode: 1, count: 2 })
  })

  it('reports no failure without time if each close succeeds', async () => {
    const service = held()
    const { clock, shutdown } = begun([service], { timeoutMs: 0 })
    send()
    await clock.advance(20)
    service.end()
    expect(await shutdown.closed).toEqual({ signal: 'SIGUSR2', exitCode: 0, errors: [] })
  })

  it('reports an error that a function throws at once', async () => {
    const error = new Error('it does not close')
    const { shutdown } = begun([
      () => {
        throw error
      },
    ])
    send()
    expect(await shutdown.closed).toMatchObject({ exitCode: 1, errors: [error] })
  })

  it('ends the wait at once with a second signal', async () => {
    const service = held()
    const { shutdown } = begun([service])
    send()
    await settle()
    send('SIGPIPE')
    expect(await shutdown.closed).toMatchObject({ signal: 'SIGUSR2', exitCode: 128 + 13 })
    expect(service.bounds[0]?.signal?.aborted).toBe(true)
  })

  it('closes without a signal, once', async () => {
    const close = vi.fn()
    const { shutdown } = begun([close])
    const closing = shutdown.close()
    void shutdown.close()
    send()
    expect(await closing).toMatchObject({ signal: undefined })
    expect(close).toHaveBeenCalledOnce()
  })

  it('listens to no signal after detach, and after a close that does not end the process', async () => {
    const close = vi.fn()
    const { shutdown } = begun([close])
    shutdown.detach()
    send()
    expect(shutdown.closing).toBe(false)
    const before = process.listenerCount('SIGUSR2')
    const second = begun([close])
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    await second.shutdown.close()
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })

  it('rejects bad arguments', () => {
    for (const steps of [undefined, [{}], [null], [[1]]])
      expect(() => closeOnSignal(steps as never, { exit: false })).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
    for (const options of [
      { timeoutMs: -1 },
      { signals: 'SIGTERM' },
      { signals: ['TERM'] },
      { signals: ['SIGKILL'] },
      { exit: 1 },
      { onSignal: 1 },
      { logger: 1 },
      { wait: 1 },
    ])
      expect(() => closeOnSignal([], options as never)).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
  })
})
