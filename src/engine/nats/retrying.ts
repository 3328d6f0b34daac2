import { backOffMs } from '../../back-off.js'
import { sleep } from '../../host.js'
import { isPassing } from './faults.js'

/** About half a minute with the waits below: longer than the election of a leader. */
const TRIES_MAX = 20
const WAIT_MIN_MS = 50
const WAIT_MAX_MS = 2_000

/** Repeats a call whose effect is the same if it happens twice, while the servers do not answer. */
export async function retrying<T>(
  call: () => Promise<T>,
  canRepeat: (error: unknown) => boolean = isPassing,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call()
    } catch (error) {
      if (tries >= TRIES_MAX || !canRepeat(error)) throw error
      await sleep(backOffMs(tries, WAIT_MIN_MS, WAIT_MAX_MS))
    }
  }
}
