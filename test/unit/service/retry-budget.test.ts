import { describe, expect, it } from 'vitest'
import { RetryBudget } from '../../../src/service/retry-budget.js'

function taken(budget: RetryBudget): number {
  let count = 0
  while (budget.take()) count += 1
  return count
}

describe('RetryBudget', () => {
  it('allows ten retries, and then one for each ten successes', () => {
    const budget = new RetryBudget()
    expect(budget.isFull).toBe(true)
    expect(taken(budget)).toBe(10)
    expect(budget.isFull).toBe(false)
    for (let count = 0; count < 9; count += 1) budget.succeeded()
    expect(budget.take()).toBe(false)
    budget.succeeded()
    expect(budget.tokens).toBe(1)
    expect(taken(budget)).toBe(1)
  })

  it('never allows more than ten at once', () => {
    const budget = new RetryBudget()
    for (let count = 0; count < 1_000; count += 1) budget.succeeded()
    expect(budget.isFull).toBe(true)
    expect(taken(budget)).toBe(10)
  })
})
