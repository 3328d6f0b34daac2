import { expect } from 'vitest'

/** The outcome of a connection or a server, as the children report it. */
export interface Outcome {
  readonly transport?: string
  readonly fallbackReason?: string
  readonly whole?: boolean
  readonly code?: string
  readonly message?: string
}

/** Checks that a connection works, works over the socket with a reason, or fails with a code and a message. */
export function expectWorkingOrExplained(outcome: Outcome): void {
  if (outcome.code !== undefined) {
    expect(outcome.code).toMatch(/^ERR_SHMWIRE_[A-Z_]+$/)
    expect(outcome.message?.length).toBeGreaterThan(20)
    return
  }
  expect(outcome.whole).toBe(true)
  expect(['shm', 'unix']).toContain(outcome.transport)
  if (outcome.transport === 'unix') expect(outcome.fallbackReason?.length).toBeGreaterThan(20)
}
