import { setTimeout as sleep } from 'node:timers/promises'
import { turn } from './turns.js'

const REFUSALS = 50

/** A full TCP connection can find room again when the kernel asks for that of the peer, first after 200 ms. */
const PROBE_MS = 300

/** Sends until there is no room for a long time, to a peer that reads nothing. Returns the number of accepted messages. */
export async function sendUntilFull(trySend: (count: number) => boolean): Promise<number> {
  let count = 0
  for (let before = -1; before !== count; ) {
    before = count
    for (let refusals = 0; refusals < REFUSALS; ) {
      if (trySend(count)) {
        count += 1
        refusals = 0
      } else {
        refusals += 1
        await turn()
      }
    }
    await sleep(PROBE_MS)
  }
  return count
}
