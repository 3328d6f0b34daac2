import { nowMs, setImmediate } from './host.js'
import { TURN_MS_MAX } from './turn-budget.js'

/** Calls between two readings of the clock, which costs a tenth of a call. Long messages count as several calls. */
const CALLS_PER_CHECK = 32
const BYTES_PER_CALL = 256

let calls = 0
/** The end of this turn for calls that could continue at once; 0 until the first reading of the clock. */
let endMs = 0
let nextTurn: Promise<void> | undefined
let endTurn: (() => void) | undefined

/**
 * To be awaited by a call that has completed at once, with `bytes` of work. A loop of such calls runs in promise jobs, and no timer or
 * socket of the thread would ever get a turn. Undefined: continue at once. A promise: this turn has lasted long enough; it resolves in the
 * next one.
 */
export function yieldTurn(bytes: number): Promise<void> | undefined {
  calls += 1 + Math.floor(bytes / BYTES_PER_CALL)
  if (calls < CALLS_PER_CHECK) return undefined
  calls = 0
  if (endMs === 0) {
    endMs = nowMs() + TURN_MS_MAX
    setImmediate(beginTurn)
    return undefined
  }
  if (nextTurn === undefined && nowMs() < endMs) return undefined
  // Once the turn has ended, every call waits, so that the calls continue in their order.
  calls = CALLS_PER_CHECK
  nextTurn ??= new Promise((resolve) => {
    endTurn = resolve
  })
  return nextTurn
}

function beginTurn(): void {
  calls = 0
  endMs = 0
  nextTurn = undefined
  endTurn?.()
  endTurn = undefined
}
