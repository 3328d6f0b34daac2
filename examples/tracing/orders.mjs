// Answers the gateway. It reads a stream of another process.
import { client, listen, serve } from 'shmwire'
import { Orders, Stock } from './contracts.mjs'
import { runUntilStopped, startTelemetry } from './telemetry.mjs'

startTelemetry('orders')
const [orders, stock] = process.argv.slice(2)

const shelves = await client(stock, { contract: Stock })
const server = await listen(orders)
await serve(
  server,
  {
    async placeOrder({ items }) {
      const picked = []
      for await (const { label } of shelves.pick({ items })) picked.push(label)
      return { picked }
    },
  },
  { contract: Orders },
)
runUntilStopped(orders, async () => {
  await server.close()
  await shelves.$close()
})
