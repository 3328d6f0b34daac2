import { nowMs } from '../host.js'

/** A value that takes longer to make is made less often, so that making it takes a twentieth of the time of the thread at most. */
const FRESH_PARTS = 19

/** Returns a function with the result of `make`: the same one for all calls within `freshMs`. An error of `make` is not kept. */
export function cachedFor<T>(make: () => T, freshMs: number): () => T {
  let latest: { readonly value: T; readonly untilMs: number } | undefined
  return () => {
    const beginMs = nowMs()
    if (latest !== undefined && beginMs < latest.untilMs) return latest.value
    const value = make()
    const endMs = nowMs()
    latest = { value, untilMs: endMs + Math.max(freshMs, FRESH_PARTS * (endMs - beginMs)) }
    return value
  }
}
