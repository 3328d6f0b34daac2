// A worker thread that ends while JavaScript still holds memory of its channels. Both ends are in it.
import { parentPort, workerData } from 'node:worker_threads'
import { connect, listen } from '../../../dist/index.js'

/** Returns the same memory under another array. */
async function fillByStream(bytes) {
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
const options = { codec: 'bytes', ringBytes: 64 * 1024, views: true }
const server = await listen(address, options)
const served = new Promise((resolve) => {
  server.once('channel', resolve)
})
const client = await connect(address, options)
const channel = await served

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
const filled = await fillByStream(client.claim(1000).bytes, 7)
const open = channel.claim(1000)
open.bytes.fill(4)
globalThis.held = [own, views, open]
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort.postMessage({ transport: client.transport, filled }, [filled.buffer])

if (end === 'return') {
  client.unref()
  channel.unref()
  server.unref()
  parentPort.once('message', () => {})
}
if (end === 'exit') parentPort.once('message', () => process.exit(5))
if (end === 'throw')
  parentPort.once('message', () => {
    throw new Error('thrown for the test')
  })
