import { beforeEach, describe, expect, it } from 'vitest'
import { Fifo } from '../../src/fifo.js'
import { collectGarbage } from '../support/garbage.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { turn } from '../support/turns.js'

let fifo: Fifo<number>
beforeEach(() => {
  fifo = new Fifo()
})

function push(from: number, to: number): void {
  for (let item = from; item < to; item += 1) fifo.push(item)
}

function shift(count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => fifo.shift())
}

const integers = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

describe('Fifo', () => {
  it('returns undefined when it is empty, also after it was used', () => {
    expect([fifo.shift(), fifo.length]).toEqual([undefined, 0])
    push(0, 1)
    expect([fifo.shift(), fifo.shift(), fifo.length]).toEqual([0, undefined, 0])
  })

  it.each([1, 15, 16, 17, 47, 48, 49, 5_000])('returns %i items in the order of the calls', (count) => {
    push(0, count)
    expect(fifo.length).toBe(count)
    expect(shift(count)).toEqual(integers(0, count))
    expect(fifo.length).toBe(0)
  })

  it('keeps the order while items are pushed and shifted in turn', () => {
    push(0, 10)
    for (let item = 10; item < 10_000; item += 1) {
      fifo.push(item)
      expect(fifo.shift()).toBe(item - 10)
    }
    expect(shift(10)).toEqual(integers(9_990, 10_000))
  })

  it('behaves as an array does under random calls', () => {
    const random = randomFrom(newSeed('fifo'))
    const expected: number[] = []
    let next = 0
    for (let round = 0; round < 500; round += 1) {
      const count = integerFrom(random, 0, 300)
      if (random() < 0.02) {
        fifo.clear()
        expected.length = 0
      } else if (random() < 0.5) {
        push(next, next + count)
        expected.push(...integers(next, next + count))
        next += count
      } else {
        const taken = shift(count).filter((item) => item !== undefined)
        expect(taken).toEqual(expected.splice(0, count))
      }
      expect(fifo.length).toBe(expected.length)
    }
  })

  it.each([1, 5_000])('keeps no reference to items that have left it: %i', async (count) => {
    const objects = new Fifo<object>()
    const left: WeakRef<object>[] = []
    const fill = (): void => {
      for (let index = 0; index < count; index += 1) {
        const object = { index }
        left.push(new WeakRef(object))
        objects.push(object)
      }
    }
    fill()
    // One stays, so that the queue is never empty.
    objects.push({ index: -1 })
    while (objects.length > 1) objects.shift()
    await turn()
    collectGarbage()
    expect(left.filter((reference) => reference.deref() !== undefined)).toHaveLength(0)
    expect(objects.shift()).toEqual({ index: -1 })
  })
})
