// The engine of a run over JetStream: SHMWIRE_KILLS_ENGINE has its options. Undefined in a run of a local queue.
import { setTimeout as sleep } from 'node:timers/promises'
import { jetStream } from '../../../../dist/engine/nats/index.js'

const options = process.env.SHMWIRE_KILLS_ENGINE

export const engine = options === undefined ? undefined : jetStream(JSON.parse(options))

const ABSENT = ['ERR_SHMWIRE_NOT_LISTENING', 'ERR_SHMWIRE_UNAVAILABLE']
const WAIT_MS = 50

/** Topics have no option that waits for the server, which may just be dead. */
export async function untilThere(open) {
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!ABSENT.includes(error.code)) throw error
    }
    await sleep(WAIT_MS)
  }
}
