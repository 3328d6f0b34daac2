import { once } from 'node:events'
import { connect, listen } from '../../dist/index.js'

/** shmwire itself as a competitor, with the options of a user who wants to send bytes; all else is the default. */
export function channelBaseline(title, transport) {
  const options = { codec: 'bytes', transport }
  return {
    title,

    async listen(path) {
      const server = await listen(`unix:${path}`, options)
      const accepted = once(server, 'channel')
      return {
        accept: async () => new ChannelConnection(...(await accepted)),
        close: () => server.close(),
      }
    },

    async connect(path) {
      return new ChannelConnection(await connect(`unix:${path}`, options))
    },
  }
}

class ChannelConnection {
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #channel

  constructor(channel) {
    this.#channel = channel
    this.transport = channel.transport
    channel.on('message', (message) => this.onMessage(message))
    channel.on('drain', () => this.onDrain())
    channel.on('close', () => this.onClose())
  }

  trySend(message) {
    return this.#channel.trySend(message)
  }

  close() {
    return this.#channel.close()
  }
}
