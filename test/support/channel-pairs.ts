import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ByteStream } from '../../src/byte-stream.js'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { fromStream, openOverStream } from '../../src/from-stream.js'
import { listen, type Server } from '../../src/listen.js'
import { type ChannelOptions, resolveOptions } from '../../src/options.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'
import { sharedCertificate } from './certificates.js'
import { localAddress } from './local-address.js'
import { joinDuplexes, joinStandardStreams } from './stream-pairs.js'

export type ChannelPairOptions = Pick<
  ChannelOptions,
  'codec' | 'maxMessageBytes' | 'maxOutboxBytes' | 'ringBytes' | 'views' | 'wait'
>

/** Creates two joined channels for the suite. */
export type JoinChannels = (options: ChannelPairOptions) => Promise<[Channel, Channel]>

/** Without the options that have no meaning inside one process. */
export const joinInProcessChannels: JoinChannels = async (options) => {
  const { codec, maxMessageBytes, maxOutboxBytes, ringBytes } = options
  return createChannelPair({ codec, maxMessageBytes, maxOutboxBytes, ringBytes })
}

export const joinSocketChannels: JoinChannels = (options) => joinAtPath({ transport: 'socket', ...options })
export const joinShmChannels: JoinChannels = (options) => joinAtPath({ transport: 'shm', ...options })

export const joinTcpChannels: JoinChannels = (options) =>
  joinAt('tcp://127.0.0.1:0', { ...options, authorize: () => true })

export const joinTlsChannels: JoinChannels = (options) =>
  joinAt('tls://localhost:0', { ...options, tls: sharedCertificate() })

export const joinDuplexChannels: JoinChannels = async (options) => {
  const [left, right] = await joinDuplexes()
  return Promise.all([fromStream(left, options), fromStream(right, options)])
}

export const joinStdioChannels: JoinChannels = async (options) => {
  const settings = resolveOptions(options)
  const [left, right] = await joinStandardStreams()
  const open = (stream: ByteStream) => openOverStream(stream, { options: {}, settings, transport: 'stdio' })
  return Promise.all([open(left), open(right)])
}

async function joinAtPath(options: ChannelOptions): Promise<[Channel, Channel]> {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  return joinAt(localAddress(directory), options, () => rmSync(directory, { recursive: true, force: true }))
}

async function joinAt(
  address: string,
  options: ChannelOptions,
  afterClose = (): void => {},
): Promise<[Channel, Channel]> {
  const server = await listen(address, options)
  try {
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const client = await connect(server.address, options)
    const [served] = await accepted
    return [client, served]
  } finally {
    closeWithChannel(server, afterClose)
  }
}

/** Frees the address of the server at once. The server itself ends with its last channel. */
function closeWithChannel(server: Server, afterClose: () => void): void {
  // Not `close()`, which would close the channel too.
  server.unref()
  const remove = (): void => {
    void server.close().then(afterClose)
  }
  if (server.channels.size === 0) remove()
  for (const channel of server.channels) channel.once('close', remove)
}
