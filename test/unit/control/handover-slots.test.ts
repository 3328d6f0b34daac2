import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Grant, HandoverSlots, type ReleaseSlot } from '../../../src/control/handover-slots.js'

vi.mock('../../../src/host.js', () => import('../../support/global-host.js'))

const BOUNDS = { slots: 4, slotsPerOwner: 2, waiting: 6, waitingPerOwner: 3, waitMs: 100, waitMaxMs: 250 }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

let slots: HandoverSlots
/** The grant or refusal of each request, by its name. */
let outcomes: Record<string, Grant>

beforeEach(() => {
  slots = new HandoverSlots(BOUNDS)
  outcomes = {}
})

function request(owner: string, name: string): () => void {
  return slots.request(owner, (grant) => {
    expect(outcomes[name]).toBeUndefined()
    outcomes[name] = grant
  })
}

function release(name: string, succeeded?: boolean): void {
  const grant = outcomes[name] as { release: ReleaseSlot }
  grant.release(succeeded)
}

const granted = (): string[] => Object.keys(outcomes).filter((name) => 'release' in (outcomes[name] as Grant))
const refused = (): string[] =>
  Object.keys(outcomes).filter((name) => 'unavailable' in (outcomes[name] as Grant))

describe('HandoverSlots', () => {
  it('grants each owner its share, however many slots one owner requests', () => {
    for (const name of ['a1', 'a2', 'a3', 'a4']) request('a', name)
    for (const name of ['b1', 'b2']) request('b', name)
    expect(granted()).toEqual(['a1', 'a2', 'b1', 'b2'])
    expect(slots.load).toEqual({ held: 4, waiting: 2 })
  })

  it("grants an owner's requests in their order", () => {
    for (const name of ['a1', 'a2', 'a3', 'a4']) request('a', name)
    release('a2')
    release('a2')
    expect(granted()).toEqual(['a1', 'a2', 'a3'])
    release('a1')
    expect(granted()).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('grants slots to the owners in turn', () => {
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) request('a', name)
    for (const name of ['b1', 'b2']) request('b', name)
    for (const name of ['c1', 'c2']) request('c', name)
    expect(granted()).toEqual(['a1', 'a2', 'b1', 'b2'])
    // The owner whose last slot is the oldest is first.
    release('a1')
    release('a2')
    release('b1')
    release('b2')
    expect(granted().slice(4)).toEqual(['a3', 'c1', 'a4', 'c2'])
  })

  it('refuses after the time, with the reason', () => {
    for (const name of ['a1', 'a2', 'a3']) request('a', name)
    vi.advanceTimersByTime(99)
    expect(refused()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(outcomes['a3']).toEqual({
      unavailable:
        "the server had no free handshake slot for 100 ms: other handshakes, which do not proceed, hold the 2 of the client's process",
    })
    request('b', 'b1')
    request('b', 'b2')
    request('c', 'c1')
    vi.advanceTimersByTime(100)
    expect(outcomes['c1']).toEqual({
      unavailable: expect.stringContaining('hold all 4') as string,
    })
    expect(slots.load).toEqual({ held: 4, waiting: 0 })
  })

  it('waits longer while handshakes succeed, but not for ever', () => {
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) request('a', name)
    request('b', 'b1')
    vi.advanceTimersByTime(90)
    release('b1', true)
    vi.advanceTimersByTime(90)
    expect(refused()).toEqual([])
    release('a1', true)
    expect(granted()).toContain('a3')
    vi.advanceTimersByTime(60)
    request('b', 'b2')
    release('b2', true)
    vi.advanceTimersByTime(9)
    expect(refused()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(refused()).toEqual(['a4', 'a5'])
  })

  it('does not wait longer when a handshake fails', () => {
    for (const name of ['a1', 'a2', 'a3', 'a4']) request('a', name)
    vi.advanceTimersByTime(90)
    release('a1')
    vi.advanceTimersByTime(10)
    expect([granted(), refused()]).toEqual([['a1', 'a2', 'a3'], ['a4']])
  })

  it('refuses at once when an owner has too many requests waiting, or all have', () => {
    for (let count = 1; count <= 6; count += 1) request('a', `a${count}`)
    expect(refused()).toEqual(['a6'])
    for (let count = 1; count <= 6; count += 1) request('b', `b${count}`)
    expect(refused()).toEqual(['a6', 'b6'])
    request('c', 'c1')
    expect(refused()).toEqual(['a6', 'b6', 'c1'])
    expect(outcomes['c1']).toMatchObject({ unavailable: expect.stringMatching(/^too many handshakes/) })
  })

  it('forgets a withdrawn request, and frees its slot', () => {
    const takeBack = ['a1', 'a2', 'a3', 'a4'].map((name) => request('a', name))
    takeBack[2]?.()
    takeBack[2]?.()
    takeBack[0]?.()
    expect(granted()).toEqual(['a1', 'a2', 'a4'])
    takeBack[3]?.()
    takeBack[1]?.()
    expect(slots.load).toEqual({ held: 0, waiting: 0 })
    vi.advanceTimersByTime(1000)
    expect(refused()).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})
