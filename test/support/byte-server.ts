import { type ChannelSocket, type ChannelSocketOptions, channelDuplex } from '../../src/adapter/stream.js'
import { listen, type Server } from '../../src/index.js'

/** Passes a socket for each client to `onSocket`, as a `net.Server` does. */
export async function listenForSockets(
  address: string,
  onSocket: (socket: ChannelSocket) => void,
  options?: ChannelSocketOptions,
): Promise<Server> {
  const server = await listen(address, { codec: 'bytes' })
  server.on('channel', (channel) => onSocket(channelDuplex(channel, options)))
  return server
}
