// Shared by the worker threads that end while JavaScript holds memory of their channels. Both ends of a channel are in the thread.
import { parentPort } from 'node:worker_threads'
import { connect, listen } from '../../../dist/index.js'

/** Fills the memory, and returns it under another array: a stream ignores the mark of the memory. */
export async function fillByStream(bytes) {
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

export async function bothEnds(address, options) {
  const server = await listen(address, options)
  const served = new Promise((resolve) => {
    server.once('channel', resolve)
  })
  const client = await connect(address, options)
  return { server, client, channel: await served }
}

/** Passes the memory to the main thread, whose next message ends this thread by `exit` or `throw`. */
export function passOn({ client, filled, end }) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort.postMessage({ transport: client.transport, filled }, [filled.buffer])
  if (end === 'exit') parentPort.once('message', () => process.exit(5))
  if (end === 'throw')
    parentPort.once('message', () => {
      throw new Error('thrown for the test')
    })
}
