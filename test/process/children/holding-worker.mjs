// A worker thread that ends while JavaScript still holds memory of its channels.
import { parentPort, workerData } from 'node:worker_threads'
import { bothEnds, fillByStream, passOn } from './holding-ends.mjs'

const { address, end } = workerData
const options = { codec: 'bytes', ringBytes: 64 * 1024, views: true }
const { server, client, channel } = await bothEnds(address, options)

const views = []
const arrived = new Promise((resolve) => {
  channel.on('message', (message) => {
    views.push(message)
    if (views.length === 3) resolve()
  })
})
const own = client.claim(1000)
own.bytes.fill(1)
own.commit()
await client.send(Buffer.alloc(300_000, 2))
await client.send(Buffer.alloc(10, 3))
await arrived

// Transferred by a stream, which ignores the mark, and then to another thread.
const filled = await fillByStream(client.claim(1000).bytes)
const open = channel.claim(1000)
open.bytes.fill(4)
globalThis.held = [own, views, open]
passOn({ client, filled, end })

if (end === 'return') {
  client.unref()
  channel.unref()
  server.unref()
  parentPort.once('message', () => {})
}
