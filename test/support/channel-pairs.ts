import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { listen } from '../../src/listen.js'
import type { ChannelOptions, TransportChoice } from '../../src/options.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'

export type ChannelPairOptions = Pick<
  ChannelOptions,
  'codec' | 'maxMessageBytes' | 'ringBytes' | 'views' | 'wait'
>

/** Creates two joined channels for the suite. */
export type JoinChannels = (options: ChannelPairOptions) => Promise<[Channel, Channel]>

/** Without the options that have no meaning inside one process. */
export const joinInProcessChannels: JoinChannels = async ({ codec, ringBytes, maxMessageBytes }) =>
  createChannelPair({ codec, ringBytes, maxMessageBytes })

export const joinSocketChannels: JoinChannels = (options) => joinOver('socket', options)
export const joinShmChannels: JoinChannels = (options) => joinOver('shm', options)

async function joinOver(
  transport: TransportChoice,
  options: ChannelPairOptions,
): Promise<[Channel, Channel]> {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  const server = await listen(`unix:${directory}/s`, { transport, ...options })
  try {
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const client = await connect(server.address, { transport, ...options })
    const [served] = await accepted
    return [client, served]
  } finally {
    closeAfter(server, directory)
  }
}

/** Frees the address of the server at once. The server itself ends with its last channel. */
function closeAfter(server: Awaited<ReturnType<typeof listen>>, directory: string): void {
  // Not `close()`, which would close the channel too.
  server.unref()
  const remove = (): void => {
    void server.close().then(() => rmSync(directory, { recursive: true, force: true }))
  }
  if (server.channels.size === 0) remove()
  for (const channel of server.channels) channel.once('close', remove)
}
