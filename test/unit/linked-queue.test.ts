import { beforeEach, describe, expect, it } from 'vitest'
import { LinkedQueue, type QueueLinks } from '../../src/linked-queue.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'

class Entry implements QueueLinks<Entry> {
  queue: LinkedQueue<Entry> | undefined
  previous: Entry | undefined
  next: Entry | undefined
  readonly name: number

  constructor(name: number) {
    this.name = name
  }
}

let queue: LinkedQueue<Entry>
beforeEach(() => {
  queue = new LinkedQueue()
})

function push(count: number): Entry[] {
  const entries = Array.from({ length: count }, (_, name) => new Entry(name))
  for (const entry of entries) queue.push(entry)
  return entries
}

function drain(): number[] {
  const names: number[] = []
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) names.push(entry.name)
  return names
}

describe('LinkedQueue', () => {
  it('returns entries in the order of the calls, and undefined when it is empty', () => {
    push(3)
    expect([queue.length, queue.first?.name, drain(), queue.length]).toEqual([3, 0, [0, 1, 2], 0])
    expect([queue.first, queue.shift()]).toEqual([undefined, undefined])
  })

  it('adds an entry before all others', () => {
    queue.unshift(new Entry(1))
    queue.push(new Entry(2))
    queue.unshift(new Entry(0))
    expect(drain()).toEqual([0, 1, 2])
  })

  it.each([
    ['first', 0, [1, 2]],
    ['middle', 1, [0, 2]],
    ['last', 2, [0, 1]],
  ])('removes the %s entry, once', (_which, index, left) => {
    const entry = push(3)[index] as Entry
    expect([queue.remove(entry), queue.remove(entry), queue.length]).toEqual([true, false, 2])
    expect([entry.queue, entry.previous, entry.next]).toEqual([undefined, undefined, undefined])
    expect(drain()).toEqual(left)
  })

  it('removes nothing from another queue', () => {
    const [entry] = push(1) as [Entry]
    expect([new LinkedQueue<Entry>().remove(entry), queue.length]).toEqual([false, 1])
  })

  it('accepts an entry again after it was removed', () => {
    const [entry] = push(2) as [Entry]
    queue.remove(entry)
    queue.push(entry)
    expect(drain()).toEqual([1, 0])
  })

  it('keeps the order of the other entries under random removals', () => {
    const random = randomFrom(newSeed('linked queue'))
    const entries = push(1_000)
    for (let count = 0; count < 900; count += 1)
      queue.remove(entries.splice(integerFrom(random, 0, entries.length - 1), 1)[0] as Entry)
    expect(queue.length).toBe(100)
    expect(drain()).toEqual(entries.map(({ name }) => name))
  })
})
