/** In the place of src/host.ts, for tests with fake timers: reads the globals at each call. */
export const setTimeout = (onTime: () => void, delayMs: number): NodeJS.Timeout =>
  globalThis.setTimeout(onTime, delayMs)
export const clearTimeout = (timer: NodeJS.Timeout): void => globalThis.clearTimeout(timer)
export const setInterval = (onTime: () => void, periodMs: number): NodeJS.Timeout =>
  globalThis.setInterval(onTime, periodMs)
export const clearInterval = (timer: NodeJS.Timeout): void => globalThis.clearInterval(timer)
export const nowMs = (): number => performance.now()
export const nextTick = (job: () => void): void => process.nextTick(job)
export const setImmediate = (job: () => void): NodeJS.Immediate => globalThis.setImmediate(job)
