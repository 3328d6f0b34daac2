// Holds the queue of a run.   queue.mjs <address> <store file, or nothing>
import { createQueue } from '../../../../dist/index.js'

const [address, store] = process.argv.slice(2)

const queue = await createQueue(address, {
  codec: 'json',
  attempts: 1_000,
  backOff: { minMs: 1, maxMs: 20 },
  // Full at times, so that pushes wait for room.
  maxJobs: 100,
  dedupWindowMs: 3_600_000,
  ...(store === undefined || store === '' ? {} : { store }),
})
process.on('disconnect', () => process.exit())
process.on('message', async () => process.send(await queue.stats()))
process.send('ready')
