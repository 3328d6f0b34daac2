import { createServer, get } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type Channel, type Codec, connect, ErrorCode, ShmwireError } from 'shmwire'
import { type AttachedServer, agent, attach, connector } from 'shmwire/http'
import { birpcTransport, channelPort } from 'shmwire/port'
import { type ChannelSocket, channelDuplex, createConnection } from 'shmwire/stream'
import { type ChannelPairOptions, createChannelPair } from 'shmwire/testing'

const upperCase: Codec = {
  name: 'upper-case',
  encode: (value: unknown) => Buffer.from(String(value).toUpperCase()),
  decode: (bytes: Buffer) => bytes.toString(),
}

export async function ask(name: string, question: unknown): Promise<unknown> {
  const channel: Channel = await connect(name, { codec: upperCase, timeoutMs: 1000 })
  try {
    return await channel.request(question, { signal: AbortSignal.timeout(1000) })
  } catch (error) {
    if (error instanceof ShmwireError && error.code === ErrorCode.TIMEOUT) return undefined
    throw error
  } finally {
    await channel.close()
  }
}

export function pair(options: ChannelPairOptions = { codec: upperCase }): [Channel, Channel] {
  return createChannelPair(options)
}

export async function serveHttp(name: string): Promise<AttachedServer> {
  const attached = await attach(createServer(), name, { ringBytes: 65_536, timeoutMs: 1000 })
  get('http://localhost/', { agent: agent(name, { maxSockets: 4 }) }, (response) => response.resume())
  connectHttp2('http://localhost', { createConnection: () => createConnection(name) }).close()
  connector(name)({}, (error, socket) => (error === null ? socket?.destroy() : console.error(error)))
  return attached
}

export function streamOver(channel: Channel<Buffer, Uint8Array>): ChannelSocket {
  return channelDuplex(channel, { allowHalfOpen: true }).setTimeout(1000).setNoDelay()
}

export function portOver(channel: Channel<string, number>): void {
  const port = channelPort(channel)
  port.on('message', (message) => console.log(message.length))
  port.addEventListener('message', (event) => console.log((event as MessageEvent).data))
  port.onmessage = ({ data }) => console.log(data)
  port.postMessage(1)
  // @ts-expect-error -- the other side receives numbers
  port.postMessage('text')
  birpcTransport(channel).on((message) => console.log(message))
}
