// Runs jobs until it is stopped or killed.   worker.mjs <address> <directory of the ledgers> <name> <concurrency>
//   ran <id> <attempt> <run>, done <id> <run>, aborted <id> <run> <code>, late <id> <code>
import { setTimeout as sleep } from 'node:timers/promises'
import { work } from '../../../../dist/index.js'
import { engine } from './engine.mjs'
import { openLedger } from './ledger.mjs'

const WORK_MS_MAX = 4

const [address, directory, name, concurrency] = process.argv.slice(2)
const write = openLedger(directory, name)

let runs = 0

const worker = await work(
  address,
  async (job, { id, attempt, signal }) => {
    if (job.id !== id) write('wrong', id)
    runs += 1
    const run = runs
    write('ran', id, attempt, run)
    signal.addEventListener('abort', () => write('aborted', id, run, signal.reason.code))
    await sleep(Math.random() * WORK_MS_MAX)
    // An error of the program, now and then.
    if (Math.random() < 0.01) throw new Error('at random')
    write('done', id, run)
    return { id }
  },
  { codec: 'json', concurrency: Number(concurrency), waitForServer: true, engine },
)
worker.on('failed', (error, job) => {
  if (error.message !== 'at random') write('late', job.id, error.code)
})
process.on('disconnect', () => process.exit())
process.on('message', async () => {
  await worker.close()
  process.send('stopped')
  await engine?.close()
  process.disconnect()
})
process.send('ready')
