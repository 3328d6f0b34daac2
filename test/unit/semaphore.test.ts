import { expect, it } from 'vitest'
import { Semaphore } from '../../src/semaphore.js'
import { turn } from '../support/turns.js'

it('runs a limited number of tasks at once, in order, also after failures', async () => {
  const semaphore = new Semaphore(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const tasks = [0, 1, 2, 3].map((number) =>
    semaphore.run(async () => {
      begun.push(number)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (number === 0) throw new Error('failed')
      return number
    }),
  )
  const outcomes = Promise.allSettled(tasks)
  await turn()
  expect(begun).toEqual([0, 1])
  ends[0]?.()
  await turn()
  expect(begun).toEqual([0, 1, 2])
  for (let index = 1; index < 4; index += 1) {
    ends[index]?.()
    await turn()
  }
  expect((await outcomes).map((outcome) => ('value' in outcome ? outcome.value : 'failed'))).toEqual([
    'failed',
    1,
    2,
    3,
  ])
  expect(await semaphore.run(() => Promise.resolve('again'))).toBe('again')
})
