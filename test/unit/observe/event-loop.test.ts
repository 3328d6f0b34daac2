import { afterEach, describe, expect, it } from 'vitest'
import { eventLoopFigures, isMeasuring, stopMeasuring } from '../../../src/observe/event-loop.js'
import { waitFor } from '../../support/wait-for.js'

afterEach(stopMeasuring)

describe('the figures of the event loop', () => {
  it('measure the delay from the first call on', async () => {
    expect(isMeasuring()).toBe(false)
    const first = eventLoopFigures()
    expect(isMeasuring()).toBe(true)
    await waitFor(() => expect(eventLoopFigures().delay.count).toBeGreaterThan(first.delay.count))
  })

  it('contain how long a blocked loop was late', async () => {
    eventLoopFigures()
    const endMs = performance.now() + 200
    while (performance.now() < endMs);
    await waitFor(() => expect(eventLoopFigures().delay.maxMs).toBeGreaterThan(150))
  })

  it('divide the time into the time in which code ran and the rest', async () => {
    const before = eventLoopFigures()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const after = eventLoopFigures()
    const elapsedMs = after.activeMs + after.idleMs - before.activeMs - before.idleMs
    expect(elapsedMs).toBeGreaterThan(15)
  })
})
