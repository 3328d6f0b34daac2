import { expect, it } from 'vitest'
import { yieldTurn } from '../../src/next-turn.js'
import { turn } from '../support/turns.js'

/** Calls until there is a promise, at most this often. */
const CALLS_MAX = 10_000_000

async function callUntilOver(bytes: number): Promise<{ calls: number; promise: Promise<void> }> {
  await turn()
  for (let calls = 1; calls < CALLS_MAX; calls += 1) {
    const promise = yieldTurn(bytes)
    if (promise !== undefined) return { calls, promise }
  }
  throw new Error('the turn is never over')
}

it('ends a turn of many calls, with one promise for all later calls of this turn', async () => {
  const { calls, promise } = await callUntilOver(0)
  expect(calls).toBeGreaterThan(32)
  expect([yieldTurn(0), yieldTurn(1_000_000)]).toEqual([promise, promise])
  let resolved = false
  void promise.then(() => {
    resolved = true
  })
  await Promise.resolve()
  expect(resolved).toBe(false)
  await turn()
  expect(resolved).toBe(true)
})

it('lets the calls of the next turn continue at once', async () => {
  const { promise } = await callUntilOver(0)
  await promise
  await turn()
  expect(yieldTurn(0)).toBeUndefined()
})

it('reads the clock for each long message', async () => {
  await turn()
  expect(yieldTurn(1_000_000)).toBeUndefined()
  const endMs = performance.now() + 2
  while (performance.now() < endMs);
  expect(yieldTurn(1_000_000)).toBeInstanceOf(Promise)
})
