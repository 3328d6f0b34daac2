import { expect } from 'vitest'

/** How a connection or a server went, as the children say it. */
export interface Told {
  readonly transport?: string
  readonly fallbackReason?: string
  readonly whole?: boolean
  readonly code?: string
  readonly message?: string
}

/** Whatever is scarce: it works, or works over the socket and says why, or fails with a code and a sentence. */
export function expectWorkingOrTold(told: Told): void {
  if (told.code !== undefined) {
    expect(told.code).toMatch(/^ERR_SHMWIRE_[A-Z_]+$/)
    expect(told.message?.length).toBeGreaterThan(20)
    return
  }
  expect(told.whole).toBe(true)
  expect(['shm', 'unix']).toContain(told.transport)
  if (told.transport === 'unix') expect(told.fallbackReason?.length).toBeGreaterThan(20)
}
