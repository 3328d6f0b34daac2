/**
 * The timers and clocks of Node, as they were when this module was loaded. A test runner replaces the globals and the members of these
 * modules by fake ones (Jest, Vitest, @sinonjs/fake-timers), or by those of a simulated browser (jsdom). The channel must continue meanwhile,
 * as `node:net` does. All other files use these, and never the globals.
 */
import { performance } from 'node:perf_hooks'
import { nextTick as processNextTick } from 'node:process'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = timers
/** Waits on the promise API of timers. */
export const { setTimeout: sleep, setImmediate: nextTurn } = timersPromises
export const nextTick = processNextTick

/** A monotonic clock, in milliseconds with fractions. */
export const nowMs: () => number = performance.now.bind(performance)

const HostAbortController = globalThis.AbortController

export function newAbortController(): AbortController {
  return new HostAbortController()
}

/**
 * The time of day, in milliseconds since 1970, for the times of files, of tokens and for people only: people and time servers set this clock.
 */
// oxlint-disable-next-line no-restricted-properties -- see above
export const timeOfDayMs: () => number = Date.now.bind(Date)
