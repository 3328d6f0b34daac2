// A worker thread that ends while JavaScript holds long messages, others are garbage, and one was given to another thread.
import { parentPort, workerData } from 'node:worker_threads'
import { bothEnds, fillByStream, passOn } from './holding-ends.mjs'

const { address, end } = workerData
const { server, client, channel } = await bothEnds(address, { codec: 'bytes' })

const held = []
let count = 0
let last
channel.on('message', (message) => {
  if (count % 4 === 0) held.push(message)
  count += 1
  last = message
})
for (let index = 0; index < 60; index += 1) await client.send(Buffer.alloc(150_000 + index * 20_000, index))
const arrived = () => count === 60
while (!arrived()) await new Promise((resolve) => setTimeout(resolve, 1))

// The result does not have the mark of the pool.
const filled = await fillByStream(last)
globalThis.held = held
passOn({ client, filled, end })

if (end === 'return') {
  // The messages outlive their channel.
  await client.close()
  await server.close()
  parentPort.once('message', () => {})
}
if (end === 'terminate') setInterval(() => client.trySend(Buffer.alloc(300_000)), 1)
