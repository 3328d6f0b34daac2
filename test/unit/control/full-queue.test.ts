import { expect, it, vi } from 'vitest'
import { retryWhileQueueIsFull } from '../../../src/control/full-queue.js'
import { socketError } from '../../../src/control/socket-error.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'

const full = (): ShmwireError =>
  socketError(Object.assign(new Error('connect EAGAIN'), { code: 'EAGAIN', address: '/run/a.sock' }))

it('tries again until the queue has room, with the time that is left', async () => {
  const attempt = vi.fn(async (_leftMs: number) => 'connected')
  for (let count = 0; count < 4; count += 1) attempt.mockRejectedValueOnce(full())
  expect(await retryWhileQueueIsFull('/run/a.sock', { timeoutMs: 5_000 }, attempt)).toBe('connected')
  const leftMs = attempt.mock.calls.map(([left]) => left)
  expect(leftMs).toHaveLength(5)
  expect(leftMs[0]).toBe(5_000)
  expect(leftMs.toSorted((a, b) => b - a)).toEqual(leftMs)
  expect(leftMs[4]).toBeLessThan(5_000)
})

it('ends with TIMEOUT, after few attempts, while the queue stays full', async () => {
  const attempt = vi.fn(() => Promise.reject(full()))
  await expect(retryWhileQueueIsFull('/run/a.sock', { timeoutMs: 50 }, attempt)).rejects.toMatchObject({
    code: ErrorCode.TIMEOUT,
    message: expect.stringMatching(
      /^connecting to \/run\/a\.sock took longer than timeoutMs: 50; .*queue of connections was full/,
    ) as string,
  })
  // 1 + 2 + 4 + 8 + 16 + 32 is more than 50.
  expect(attempt.mock.calls.length).toBeLessThanOrEqual(7)
})

it("states the user's timeoutMs when a later attempt takes too long", async () => {
  const late = new ShmwireError(ErrorCode.TIMEOUT, 'the handshake took longer than timeoutMs: 4990')
  const attempt = vi.fn().mockRejectedValueOnce(full()).mockRejectedValueOnce(late)
  await expect(retryWhileQueueIsFull('/run/a.sock', { timeoutMs: 5_000 }, attempt)).rejects.toMatchObject({
    code: ErrorCode.TIMEOUT,
    message: expect.stringContaining('timeoutMs: 5000') as string,
  })
})

it('ends at once when the signal fires', async () => {
  const stop = new AbortController()
  const attempt = vi.fn(() => {
    setImmediate(() => stop.abort())
    return Promise.reject(full())
  })
  const bounds = { signal: stop.signal, timeoutMs: 60_000 }
  await expect(retryWhileQueueIsFull('/run/a.sock', bounds, attempt)).rejects.toMatchObject({
    code: ErrorCode.ABORTED,
  })
})

it('rejects with the first error of another class', async () => {
  const attempt = vi
    .fn()
    .mockRejectedValueOnce(full())
    .mockRejectedValueOnce(socketError(Object.assign(new Error('ENOENT'), { code: 'ENOENT' })))
  await expect(retryWhileQueueIsFull('/run/a.sock', { timeoutMs: 5_000 }, attempt)).rejects.toMatchObject({
    code: ErrorCode.NOT_LISTENING,
  })
  expect(attempt).toHaveBeenCalledTimes(2)
})
