import { fork } from 'node:child_process'
import { once } from 'node:events'
import { bytesOf, CreditWindow } from './credit-window.mjs'

/**
 * `process.send` between a parent, the client, and its child. Node has no `drain` for it, so the receiver reports
 * the bytes that it has taken.
 * @param {'json' | 'advanced'} serialization
 * @returns {import('../baselines/baseline.js').Baseline}
 */
export function processBaseline(serialization) {
  return {
    title: `process.send, ${serialization}`,
    carriesValues: true,
    startsServer: true,
    lacks: { many: 'each channel needs a child process of its own' },

    async listen({ options }, onConnection) {
      onConnection(new ProcessConnection(process, formOf(serialization, options)))
      return { close: async () => {} }
    },

    async connect({ peer, options }) {
      const stdio = ['ignore', 'ignore', 'inherit', 'ipc']
      const child = fork(peer.file, [peer.task], { serialization, stdio })
      await once(child, 'spawn')
      return new ProcessConnection(child, formOf(serialization, options))
    },
  }
}

/** The encoding of a message. JSON has no bytes: base64 is the shortest text. */
function formOf(serialization, { values }) {
  if (values) return { wrap: (value) => value, unwrap: (value) => value }
  if (serialization === 'json') {
    return {
      wrap: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).base64Slice(),
      unwrap: (text) => Buffer.from(text, 'base64'),
    }
  }
  return {
    wrap: (bytes) => bytes,
    unwrap: (bytes) =>
      Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  }
}

class ProcessConnection {
  transport = 'ipc'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #end
  #form
  #window = new CreditWindow()

  constructor(end, form) {
    this.#end = end
    this.#form = form
    end.on('message', (message) => {
      // Never a message: bytes are sent as text or a view, values as objects.
      if (typeof message === 'number') {
        if (this.#window.giveBack(message)) this.onDrain()
        return
      }
      const received = form.unwrap(message)
      const taken = this.#window.received(bytesOf(received))
      if (taken > 0) end.send(taken)
      this.onMessage(received)
    })
    end.on('error', () => {})
    end.once('disconnect', () => this.onClose())
  }

  trySend(message) {
    if (!this.#window.tryTake(bytesOf(message))) return false
    this.#end.send(this.#form.wrap(message))
    return true
  }

  async close() {
    if (!this.#end.connected) return
    const gone = once(this.#end, 'disconnect')
    this.#end.disconnect()
    await gone
  }
}
