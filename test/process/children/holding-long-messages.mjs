// A worker thread that ends while JavaScript holds long messages, others are garbage, and one was given to another thread.
import { parentPort, workerData } from 'node:worker_threads'
import { connect, listen } from '../../../dist/index.js'

/** Returns the same memory under another array, which does not have the mark of the pool. */
async function takenByStream(bytes) {
  const stream = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const { view } = controller.byobRequest
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(7)
      controller.byobRequest.respond(view.byteLength)
    },
  })
  return (await stream.getReader({ mode: 'byob' }).read(bytes)).value
}

const { address, end } = workerData
const options = { codec: 'bytes' }
const server = await listen(address, options)
const served = new Promise((resolve) => {
  server.once('channel', resolve)
})
const client = await connect(address, options)
const channel = await served

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

const filled = await takenByStream(last)
globalThis.held = held
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort.postMessage({ transport: client.transport, filled }, [filled.buffer])

if (end === 'return') {
  // The messages outlive their channel.
  await client.close()
  await server.close()
  parentPort.once('message', () => {})
}
if (end === 'exit') parentPort.once('message', () => process.exit(5))
if (end === 'throw')
  parentPort.once('message', () => {
    throw new Error('thrown for the test')
  })
if (end === 'terminate') setInterval(() => client.trySend(Buffer.alloc(300_000)), 1)
