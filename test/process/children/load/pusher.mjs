// Pushes jobs, each with its id, and repeats a push with the same id until the queue has it.
//   begun <id>, held <id>
import { setTimeout as sleep } from 'node:timers/promises'
import { openQueue } from '../../../../dist/index.js'
import { openLedger } from '../queue-kills/ledger.mjs'
import { kindOfCall, Outcomes, untilEnded } from './outcomes.mjs'
import { pacer } from './pace.mjs'

const OPEN_MAX = 200
const REPEAT_MS_MIN = 50
const REPEAT_MS_MAX = 400
const BURST_JOBS = 800
/** So that the workers do not make room meanwhile. */
const BURST_DELAY_MS = 3_000
const BURST_LENGTH = 16 * 1024
const TIMEOUT_MS = 10_000

export async function startPusher({ address, peak, ledgers, name }) {
  const write = openLedger(ledgers, name)
  const queue = await openQueue(address, { codec: 'json', channel: { backOff: { minMs: 5, maxMs: 200 } } })
  const pushes = new Outcomes()
  const jobs = new Outcomes()
  let number = 0
  let pace

  function begin() {
    if (jobs.open >= OPEN_MAX) return false
    number += 1
    void jobs.run(
      () => pushUntilHeld(`${name}-${number}`),
      ({ message }) => message,
    )
  }

  async function pushUntilHeld(id, padding = '', delayMs = 0) {
    write('begun', id)
    let waitMs = REPEAT_MS_MIN
    while (
      !(await pushes.run(
        () => queue.push({ id, padding }, { id, delayMs, timeoutMs: TIMEOUT_MS }),
        kindOfCall,
      ))
    ) {
      await sleep(waitMs)
      waitMs = Math.min(2 * waitMs, REPEAT_MS_MAX)
    }
    write('held', id)
  }

  return {
    async begin() {
      pace = await pacer(peak, begin)
    },
    /** More bytes than the files of the store have free. Resolves before they are pushed. */
    burst() {
      const padding = 'p'.repeat(BURST_LENGTH)
      for (let count = 0; count < BURST_JOBS; count += 1) {
        number += 1
        const id = `${name}-${number}`
        void jobs.run(() => pushUntilHeld(id, padding, BURST_DELAY_MS), kindOfCall)
      }
    },
    async stop() {
      const share = await pace.stop()
      await untilEnded(jobs, pushes)
      return { outcomes: { push: pushes }, share, openJobs: jobs.open }
    },
    close: () => queue.close(),
  }
}
