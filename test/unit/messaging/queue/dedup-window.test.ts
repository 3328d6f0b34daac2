import { describe, expect, it } from 'vitest'
import { DedupWindow } from '../../../../src/messaging/queue/dedup-window.js'

describe('DedupWindow', () => {
  it('forgets ids in the order of their times', () => {
    const window = new DedupWindow(10, 5)
    expect(window.nextMs).toBe(Infinity)
    window.add('a', 0)
    window.add('b', 1)
    expect([window.nextMs, window.forget(9), window.forget(10), window.nextMs]).toEqual([10, 0, 1, 11])
    expect([window.has('a', 10), window.has('b', 10), window.size]).toEqual([false, true, 1])
  })

  it('keeps one entry for an id that is added again', () => {
    const window = new DedupWindow(10, 5)
    window.add('a', 0)
    window.add('a', 20)
    expect([window.size, window.nextMs]).toEqual([1, 30])
    expect([window.forget(29), window.forget(30), window.size, window.nextMs]).toEqual([0, 1, 0, Infinity])
  })

  it('uses the later time of an id that the journal has twice', () => {
    const window = new DedupWindow(10, 5)
    window.restore('a', 3)
    window.restore('a', 7)
    expect([window.forget(5), window.has('a', 5), window.forget(7), window.size]).toEqual([0, true, 1, 0])
  })

  it('makes room when it is full of ids whose time has passed', () => {
    const window = new DedupWindow(10, 2)
    window.add('a', 0)
    window.add('b', 5)
    expect([window.hasRoom(9), window.hasRoom(10)]).toEqual([false, true])
  })
})
