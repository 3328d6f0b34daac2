import { once } from 'node:events'
import { parentPort, Worker } from 'node:worker_threads'
import { bytesOf, CreditWindow } from '../support/credit-window.mjs'

/**
 * `postMessage` between the main thread, the client, and a worker. It is one process, so it competes only if a program
 * needs no second one. Node has no `drain` for it, so the receiver reports the bytes that it has taken.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  title: 'worker postMessage',
  carriesValues: true,
  startsServer: true,
  lacks: { many: 'each channel needs a worker of its own' },

  async listen({ options }, onConnection) {
    onConnection(new PortConnection(parentPort, options, () => parentPort.close()))
    return { close: async () => {} }
  },

  async connect({ peer, options }) {
    const worker = new Worker(peer.file, { workerData: peer.task })
    await once(worker, 'online')
    return new PortConnection(worker, options, () => worker.terminate())
  },
}

class PortConnection {
  transport = 'worker'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #port
  #isValues
  #end
  #window = new CreditWindow()

  constructor(port, { values }, end) {
    this.#port = port
    this.#isValues = values === true
    this.#end = end
    port.on('message', (message) => {
      if (typeof message === 'number') {
        if (this.#window.giveBack(message)) this.onDrain()
        return
      }
      const taken = this.#window.received(bytesOf(message))
      if (taken > 0) port.postMessage(taken)
      this.onMessage(
        this.#isValues ? message : Buffer.from(message.buffer, message.byteOffset, message.length),
      )
    })
    port.on('error', (error) => {
      throw error
    })
    port.once(port === parentPort ? 'close' : 'exit', () => this.onClose())
  }

  trySend(message) {
    if (!this.#window.tryTake(bytesOf(message))) return false
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
    this.#port.postMessage(this.#isValues ? message : alone(message))
    return true
  }

  async close() {
    await this.#end()
  }
}

/** A clone takes the whole memory of a view, so a small view of a large buffer is copied first. */
function alone(bytes) {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}
