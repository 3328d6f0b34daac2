// Runs jobs.   ran <id> <attempt>, done <id>
import { setTimeout as sleep } from 'node:timers/promises'
import { work } from '../../../../dist/index.js'
import { openLedger } from '../queue-kills/ledger.mjs'
import { Outcomes } from './outcomes.mjs'

const CONCURRENCY = 32
const WORK_MS_MAX = 3

export async function startWorker({ address, ledgers, name }) {
  const write = openLedger(ledgers, name)
  const jobs = new Outcomes()
  const worker = await work(
    address,
    async ({ id }, context) => {
      if (id !== context.id) throw new Error('the job of another id')
      const begun = performance.now()
      write('ran', id, context.attempt)
      await sleep(Math.random() * WORK_MS_MAX)
      write('done', id)
      jobs.succeed(performance.now() - begun)
    },
    {
      codec: 'json',
      concurrency: CONCURRENCY,
      waitForServer: true,
      channel: { backOff: { minMs: 5, maxMs: 200 } },
    },
  )
  worker.on('failed', ({ code, message }) => jobs.fail(code ?? message))
  return { stop: () => ({ outcomes: { job: jobs } }), close: () => worker.close() }
}
