// The thread of a store: waiting for the disk does not stop the event loop of the queue.
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { textOfThrown } from '../../uncaught.js'
import { InlineBackend } from './inline-backend.js'
import type { StorePlace } from './store-backend.js'
import type { StoreReply, StoreRequest } from './thread-messages.js'

if (parentPort === null)
  throw new ShmwireError(ErrorCode.INVALID_STATE, 'this file is the thread of a store; use createQueue')
const port = parentPort
const store = new InlineBackend(workerData as StorePlace)

// node:sqlite is experimental in some versions of Node.js that have it. The part that the store uses is tested with each of them, so the
// warning would not help. It concerns this thread only.
process.emitWarning = () => {}

port.on('message', (request: StoreRequest) => void answer(request))

async function answer(request: StoreRequest): Promise<void> {
  try {
    await run(request)
    reply({ type: 'done' })
  } catch (error) {
    const code = error instanceof ShmwireError ? error.code : ErrorCode.DENIED
    reply({ type: 'failed', code, message: textOfThrown(error) })
  }
  // Without a listener, the thread ends.
  if (request.type === 'close') port.close()
}

async function run(request: StoreRequest): Promise<void> {
  switch (request.type) {
    case 'load':
      return store.load((part) =>
        port.postMessage({ type: 'part', part } satisfies StoreReply, [part.buffer]),
      )
    case 'commit':
      return store.commit(request.batch)
    case 'close':
      return store.close()
  }
}

function reply(message: StoreReply): void {
  port.postMessage(message)
}
