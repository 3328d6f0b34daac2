// The outcomes of operations: durations, and errors by their time and kind. In memory of bounded size.
import { setTimeout as sleep } from 'node:timers/promises'
import { Histogram } from './histogram.mjs'

const SLOT_MS = 100
/** Longer than the time of any call. An operation that is open after it hangs. */
const HANG_MS = 20_000
const POLL_MS = 10
const NS_PER_MS = 1e6
/** Errors beyond this are counted together, which no expectation covers. */
const ROWS_MAX = 20_000

/** The monotonic clock, which all processes of a machine share. */
export function nowMs() {
  return Number(process.hrtime.bigint()) / NS_PER_MS
}

export class Outcomes {
  /** Operations that have not ended. */
  open = 0
  #started = 0
  #latency = new Histogram()
  #errors = new Map()

  /** Resolves to whether the operation succeeded. Never rejects. `kindOf` names an error. */
  async run(operation, kindOf) {
    const begun = performance.now()
    this.#started += 1
    this.open += 1
    try {
      await operation()
      this.#latency.record(performance.now() - begun)
      return true
    } catch (error) {
      this.fail(kindOf(error))
      return false
    } finally {
      this.open -= 1
    }
  }

  succeed(ms) {
    this.#started += 1
    this.#latency.record(ms)
  }

  fail(kind) {
    const slot = Math.floor(nowMs() / SLOT_MS)
    const key = `${slot} ${kind}`
    const name = this.#errors.has(key) || this.#errors.size < ROWS_MAX ? key : `${slot} too many kinds`
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1)
  }

  toJSON() {
    const errors = [...this.#errors].map(([key, count]) => {
      const [slot] = key.split(' ', 1)
      return { atMs: Number(slot) * SLOT_MS, kind: key.slice(slot.length + 1), count }
    })
    return { started: this.#started, open: this.open, latency: this.#latency.toJSON(), errors }
  }
}

/** The kind of an error of a call: its status and its reason, or its code. */
export function kindOfCall({ status, reason, code, message }) {
  return [status ?? code ?? message, reason].filter((word) => word !== undefined).join(' ')
}

/** Resolves when no operation is open; after a while also if some are, which `open` of the outcomes then shows. */
export async function untilEnded(...all) {
  const endMs = performance.now() + HANG_MS
  while (all.some(({ open }) => open > 0) && performance.now() < endMs) await sleep(POLL_MS)
}
