import { expect, it } from 'vitest'
import { Turns } from '../../../src/control/turns.js'

it('lets so many in at once, and the others in their order when one leaves', async () => {
  const turns = new Turns(2)
  const order: number[] = []
  const ends: (() => void)[] = []
  const enter = async (visitor: number) => {
    ends[visitor] = await turns.begin()
    order.push(visitor)
  }
  const all = Promise.all([enter(0), enter(1), enter(2), enter(3)])
  await new Promise(setImmediate)
  expect(order).toEqual([0, 1])
  ends[1]?.()
  ends[1]?.()
  await new Promise(setImmediate)
  expect(order).toEqual([0, 1, 2])
  ends[0]?.()
  await all
  expect(order).toEqual([0, 1, 2, 3])
})
