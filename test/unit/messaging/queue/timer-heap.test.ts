import { describe, expect, it } from 'vitest'
import { type TimerEntry, TimerHeap } from '../../../../src/messaging/queue/timer-heap.js'
import { integerFrom, newSeed, randomFrom } from '../../../support/random.js'

const entry = (dueMs: number): TimerEntry => ({ dueMs, heapIndex: -1 })

describe('TimerHeap', () => {
  it('is empty at first', () => {
    const heap = new TimerHeap()
    expect([heap.first, heap.length]).toEqual([undefined, 0])
  })

  it('ignores an entry that is not in it', () => {
    const heap = new TimerHeap()
    heap.add(entry(1))
    heap.remove(entry(2))
    expect(heap.length).toBe(1)
  })

  it('has the earliest entry first, for random calls', () => {
    const random = randomFrom(newSeed('timer heap'))
    const heap = new TimerHeap<TimerEntry>()
    const all: TimerEntry[] = []
    for (let step = 0; step < 20_000; step += 1) {
      const action = random()
      if (action < 0.45 || all.length === 0) {
        const added = entry(integerFrom(random, 0, 500))
        all.push(added)
        heap.add(added)
      } else {
        const index =
          action < 0.6 ? all.indexOf(heap.first as TimerEntry) : integerFrom(random, 0, all.length - 1)
        const chosen = all[index] as TimerEntry
        if (action < 0.85) {
          all.splice(index, 1)
          heap.remove(chosen)
          expect(chosen.heapIndex).toBe(-1)
        } else {
          chosen.dueMs = integerFrom(random, 0, 500)
          heap.update(chosen)
        }
      }
      if (heap.length !== all.length) throw new Error(`${heap.length} entries, not ${all.length}`)
      const earliest = Math.min(...all.map(({ dueMs }) => dueMs))
      if (all.length > 0 && heap.first?.dueMs !== earliest) throw new Error(`first ${heap.first?.dueMs}`)
    }
  })
})
