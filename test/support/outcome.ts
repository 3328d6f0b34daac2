import { expect } from 'vitest'

/** How a connection or a server went, as the children say it. */
export interface Outcome {
  readonly transport?: string
  readonly fallbackReason?: string
  readonly whole?: boolean
  readonly code?: string
  readonly message?: string
}

/** Whatever is scarce: it works, or works over the socket and says why, or fails with a code and a sentence. */
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
