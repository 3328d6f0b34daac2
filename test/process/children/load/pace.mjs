// Begins operations at the rate of the day, which is in a cell.
import { setTimeout as sleep } from 'node:timers/promises'
import { watch } from '../../../../dist/index.js'

export const RATE_CELL = 'load-rate'

const TICK_MS = 10
/** Operations that are late are left out after this. So a burst does not follow a pause. */
const DUE_MS_MAX = 500

/**
 * Runs `begin` so many times a second as the share of the day says, times `peak`. `begin` returns false if there is no room now.
 */
export async function pacer(peak, begin) {
  const rate = await watch(RATE_CELL)
  const stopping = new AbortController()
  const running = run()
  return {
    /** Resolves to the last value of the cell. */
    async stop() {
      const share = rate.get()
      stopping.abort()
      await running
      await rate.close()
      return share
    },
  }

  async function run() {
    let due = 0
    let last = performance.now()
    while (!stopping.signal.aborted) {
      const now = performance.now()
      const perMs = (rate.get() * peak) / 1000
      due = Math.min(due + (now - last) * perMs, Math.max(1, DUE_MS_MAX * perMs))
      last = now
      while (due >= 1 && begin() !== false) due -= 1
      await sleep(TICK_MS)
    }
  }
}
