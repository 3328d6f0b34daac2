import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Heartbeat } from '../../../src/link/socket/heartbeat.js'

vi.mock('../../../src/host.js', () => import('../../support/global-host.js'))

const BOUNDS = { intervalMs: 5_000, timeoutMs: 15_000 }

class FakeLink {
  reading = true
  beats = 0
  readonly reports: number[] = []

  beat(): void {
    this.beats += 1
  }

  silent(timeoutMs: number): void {
    this.reports.push(timeoutMs)
  }
}

let link: FakeLink
let heartbeat: Heartbeat

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'performance'] })
  link = new FakeLink()
  heartbeat = new Heartbeat(BOUNDS, link)
})

afterEach(() => {
  heartbeat.stop()
  vi.useRealTimers()
})

describe('a heartbeat', () => {
  it('sends a sign of life in each interval', () => {
    vi.advanceTimersByTime(12_000)
    expect(link.beats).toBe(2)
  })

  it('reports a silent peer once, and sends nothing afterwards', () => {
    vi.advanceTimersByTime(14_999)
    expect(link.reports).toEqual([])
    vi.advanceTimersByTime(5_001)
    expect(link.reports).toEqual([15_000])
    vi.advanceTimersByTime(60_000)
    expect([link.reports, link.beats]).toEqual([[15_000], 3])
  })

  it('does not report a peer whose event loop was blocked for ten seconds', () => {
    for (let round = 0; round < 20; round += 1) {
      heartbeat.heard()
      vi.advanceTimersByTime(14_900)
    }
    expect(link.reports).toEqual([])
  })

  it('does not count the time in which this side was blocked', () => {
    vi.advanceTimersByTime(5_000)
    // A blocked loop runs one late tick.
    const now = performance.now.bind(performance)
    performance.now = () => now() + 3_600_000
    vi.advanceTimersByTime(5_000)
    expect(link.reports).toEqual([])
    performance.now = now
  })

  it('does not count the time in which this side does not read', () => {
    link.reading = false
    vi.advanceTimersByTime(600_000)
    expect(link.reports).toEqual([])
    link.reading = true
    vi.advanceTimersByTime(15_001)
    expect(link.reports).toEqual([15_000])
  })

  it('lets the bytes of the same turn count', () => {
    vi.advanceTimersByTime(14_999)
    // The socket of the turn, after its timers.
    setImmediate(() => heartbeat.heard())
    vi.advanceTimersByTime(1)
    expect(link.reports).toEqual([])
  })
})
