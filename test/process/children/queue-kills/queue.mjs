// Holds the queue of a run. Over JetStream, it creates a queue and a topic, and reports the state.   queue.mjs <address> <store file, or nothing>
import { createQueue, createTopic } from '../../../../dist/index.js'
import { engine } from './engine.mjs'

const [address, store] = process.argv.slice(2)

const queue = await createQueue(address, {
  codec: 'json',
  attempts: 1_000,
  backOff: { minMs: 1, maxMs: 20 },
  // Full at times, so that pushes wait for room. A killed nats-server before 2.11 drops jobs of a full queue (docs/nats.md).
  maxJobs: engine === undefined ? 100 : 1_000_000,
  dedupWindowMs: 3_600_000,
  engine,
  ...(store === undefined || store === '' ? {} : { store }),
})
if (engine !== undefined) await createTopic(address, { codec: 'json', engine })
process.on('disconnect', () => process.exit())
process.on('message', async () => process.send(await queue.stats()))
process.send('ready')
