// A process with a blocked worker. It ends at a message or SIGINT: with-blocked-worker.mjs <address> <call> <how it ends>
import { Worker } from 'node:worker_threads'

const [address, call, how] = process.argv.slice(2)
const worker = new Worker(new URL('./blocked-worker.mjs', import.meta.url), { workerData: { address, call } })
process.on('message', () => {
  if (how === 'an uncaught exception') throw new Error('thrown for the test')
  process.exit(3)
})
process.on('SIGINT', () => process.exit(4))
worker.once('message', (message) => console.log(JSON.stringify(message)))
