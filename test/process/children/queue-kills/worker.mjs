// Runs jobs until it is stopped or killed.   worker.mjs <address> <directory of the ledgers> <name> <concurrency>
//   ran <id> <attempt>, done <id> <attempt>, aborted <id> <attempt> <code>, late <id> <code>
import { setTimeout as sleep } from 'node:timers/promises'
import { work } from '../../../../dist/index.js'
import { openLedger } from './ledger.mjs'

const WORK_MS_MAX = 4

const [address, directory, name, concurrency] = process.argv.slice(2)
const write = openLedger(directory, name)

const worker = await work(
  address,
  async (job, { id, attempt, signal }) => {
    if (job.id !== id) write('wrong', id)
    write('ran', id, attempt)
    signal.addEventListener('abort', () => write('aborted', id, attempt, signal.reason.code))
    await sleep(Math.random() * WORK_MS_MAX)
    // An error of the program, now and then.
    if (Math.random() < 0.01) throw new Error('at random')
    write('done', id, attempt)
    return { id }
  },
  { codec: 'json', concurrency: Number(concurrency), waitForServer: true },
)
worker.on('failed', (error, job) => {
  if (error.message !== 'at random') write('late', job.id, error.code)
})
process.on('disconnect', () => process.exit())
process.on('message', async () => {
  await worker.close()
  process.send('stopped')
  process.disconnect()
})
process.send('ready')
