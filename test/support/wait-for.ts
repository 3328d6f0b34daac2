import { vi } from 'vitest'

/** Waits until the check throws no longer. The bound only ends what hangs: a busy machine may take long. In milliseconds. */
export function waitFor<T>(
  check: () => T | Promise<T>,
  { timeout = 20_000, interval = 20 }: { timeout?: number; interval?: number } = {},
): Promise<T> {
  return vi.waitFor(check, { timeout, interval })
}
