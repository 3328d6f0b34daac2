import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { heldEnds } from '../../../src/channel/held-ends.js'

vi.mock('../../../src/host.js', () => import('../../support/global-host.js'))

let over: number[]
const hold = (name: number): (() => void) => heldEnds.hold(() => over.push(name))

beforeEach(() => {
  over = []
  vi.useFakeTimers()
})
afterEach(() => {
  process.emit('beforeExit', 0)
  vi.useRealTimers()
})

it('end after ten seconds', () => {
  hold(1)
  vi.advanceTimersByTime(9_999)
  expect(over).toEqual([])
  vi.advanceTimersByTime(1)
  expect(over).toEqual([1])
})

it('end when the thread has nothing else to do, all of them although one throws', async () => {
  const thrown: unknown[] = []
  const listeners = process.rawListeners('uncaughtException')
  process.removeAllListeners('uncaughtException').once('uncaughtException', (error) => thrown.push(error))
  hold(1)
  heldEnds.hold(() => {
    throw new Error('a listener threw')
  })
  hold(2)
  process.emit('beforeExit', 0)
  expect(over).toEqual([1, 2])
  vi.useRealTimers()
  await vi.waitUntil(() => thrown.length === 1)
  for (const listener of listeners) process.on('uncaughtException', listener as () => void)
})

it('end with the oldest, when more than 256 wait', () => {
  for (let name = 0; name < 260; name += 1) hold(name)
  expect(over).toEqual([0, 1, 2, 3])
})

it('do not end when they are released, and leave no timer and no listener', () => {
  const before = process.listenerCount('beforeExit')
  const releases = [hold(1), hold(2)]
  expect(process.listenerCount('beforeExit')).toBe(before + 1)
  for (const release of releases) release()
  expect([vi.getTimerCount(), process.listenerCount('beforeExit'), over]).toEqual([0, before, []])
})
