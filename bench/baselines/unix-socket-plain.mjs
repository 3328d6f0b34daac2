import { once } from 'node:events'
import { LengthPrefixReader } from '../support/length-prefix-reader.mjs'
import { streamBaseline } from '../support/stream-baseline.mjs'

const HEADER_BYTES = 4

/**
 * `node:net` as Node's documentation shows it: one write for each message, and none after a write that returned false
 * until `drain`. Compare it with unix-socket.mjs, which joins the messages of a turn and queues far more: the
 * difference between the two is the effect of batching alone.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = streamBaseline(
  'net, a write per message',
  'unix',
  (socket) => new PlainConnection(socket),
)

class PlainConnection {
  transport = 'unix'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #socket
  #wantsRoom = false

  constructor(socket) {
    this.#socket = socket
    const reader = new LengthPrefixReader((message) => this.onMessage(message))
    socket.on('data', (chunk) => reader.push(chunk))
    socket.on('drain', () => this.#roomAgain())
    socket.on('error', () => {})
    socket.once('close', () => this.onClose())
  }

  trySend(message) {
    if (this.#socket.writableNeedDrain) {
      this.#wantsRoom = true
      return false
    }
    const frame = Buffer.allocUnsafe(HEADER_BYTES + message.length)
    frame.writeUInt32LE(message.length)
    frame.set(message, HEADER_BYTES)
    this.#socket.write(frame)
    return true
  }

  async close() {
    if (this.#socket.closed) return
    const closed = once(this.#socket, 'close')
    this.#socket.end()
    await closed
  }

  #roomAgain() {
    if (!this.#wantsRoom) return
    this.#wantsRoom = false
    this.onDrain()
  }
}
