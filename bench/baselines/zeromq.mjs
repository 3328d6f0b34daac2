import { KEPT_BYTES_MIN, PENDING_BYTES_MAX } from '../support/bounds.mjs'
import { VALUE_BYTES } from '../support/credit-window.mjs'
import { loadPackage } from '../support/packages.mjs'

const LINGER_MS = 1000

/**
 * A PAIR of sockets over `ipc://`.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  title: 'zeromq.js, PAIR over ipc',
  packages: ['zeromq'],
  lacks: { many: 'a PAIR has one peer, and a ROUTER has no back-pressure for each peer' },

  async listen({ path, options }, onConnection) {
    const socket = newSocket(options)
    await socket.bind(`ipc://${path}`)
    onConnection(new ZeromqConnection(socket))
    return { close: async () => {} }
  },

  async connect({ path, options }) {
    const socket = newSocket(options)
    socket.connect(`ipc://${path}`)
    return new ZeromqConnection(socket)
  },
}

/** The library's own bounds count messages. */
function newSocket({ messageBytes = VALUE_BYTES }) {
  const { Pair } = loadPackage('zeromq')
  const messagesMax = Math.max(1, Math.floor(PENDING_BYTES_MAX / messageBytes))
  return new Pair({ sendHighWaterMark: messagesMax, receiveHighWaterMark: messagesMax, linger: LINGER_MS })
}

class ZeromqConnection {
  transport = 'ipc'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #socket
  #queue = []
  #pendingBytes = 0
  #sending = false
  #wantsRoom = false

  constructor(socket) {
    this.#socket = socket
    // A PAIR does not report the end of its peer, but its monitor does.
    socket.events.on('disconnect', () => this.#over())
    void this.#receive()
  }

  trySend(message) {
    if (this.#pendingBytes >= PENDING_BYTES_MAX) {
      this.#wantsRoom = true
      return false
    }
    this.#pendingBytes += message.length
    this.#queue.push(message.length < KEPT_BYTES_MIN ? Buffer.from(message) : message)
    if (!this.#sending) void this.#send()
    return true
  }

  async close() {
    while (this.#sending) await new Promise((resolve) => setImmediate(resolve))
    this.#over()
  }

  /** Only one send at a time is allowed. Each resolves at once while the library's queue has room. */
  async #send() {
    this.#sending = true
    while (this.#queue.length > 0) {
      const batch = this.#queue
      this.#queue = []
      for (const message of batch) {
        await this.#socket.send(message)
        this.#pendingBytes -= message.length
      }
      if (this.#wantsRoom && this.#pendingBytes < PENDING_BYTES_MAX) {
        this.#wantsRoom = false
        this.onDrain()
      }
    }
    this.#sending = false
  }

  async #receive() {
    for await (const [message] of this.#socket) this.onMessage(message)
  }

  #over() {
    if (this.#socket.closed) return
    this.#socket.close()
    this.onClose()
  }
}
