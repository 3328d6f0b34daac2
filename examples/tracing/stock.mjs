// Picks the items of an order: an async generator, whose every step belongs to the trace. It holds the queue of the labels.
import { setTimeout as sleep } from 'node:timers/promises'
import { createQueue, listen, serve } from 'shmwire'
import { Stock } from './contracts.mjs'
import { runUntilStopped, startTelemetry } from './telemetry.mjs'

startTelemetry('stock')
const [, stock, queueAddress] = process.argv.slice(2)

const labels = await createQueue(queueAddress)
const server = await listen(stock)
await serve(
  server,
  {
    async *pick({ items }) {
      for (const item of items) {
        await sleep(1)
        yield { label: await labels.request({ item }) }
      }
    },
  },
  { contract: Stock },
)
runUntilStopped(stock, async () => {
  await server.close()
  await labels.close()
})
