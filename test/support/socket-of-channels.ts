import { finished } from 'node:stream/promises'
import { afterEach } from 'vitest'
import { type ChannelSocket, type ChannelSocketOptions, channelDuplex } from '../../src/adapter/stream.js'
import type { Channel } from '../../src/channel/channel.js'
import {
  type JoinChannels,
  joinInProcessChannels,
  joinShmChannels,
  joinSocketChannels,
} from './channel-pairs.js'

export const JOINS: readonly (readonly [string, JoinChannels])[] = [
  ['shm', joinShmChannels],
  ['socket', joinSocketChannels],
  ['in-process', joinInProcessChannels],
]

export const RING_BYTES = 64 * 1024

const opened = new Set<Channel>()
afterEach(() => {
  for (const channel of opened) channel.destroy()
  opened.clear()
})

/** Two joined channels for streams, destroyed after the test. */
export async function joinByteChannels(join: JoinChannels): Promise<[Channel, Channel]> {
  const pair = await join({ codec: 'bytes', ringBytes: RING_BYTES, maxMessageBytes: 64 * 1024 })
  for (const channel of pair) opened.add(channel)
  return pair
}

/** Two joined sockets. */
export async function joinSockets(
  join: JoinChannels,
  options?: ChannelSocketOptions,
): Promise<[ChannelSocket, ChannelSocket]> {
  const [left, right] = await joinByteChannels(join)
  return [channelDuplex(left, options), channelDuplex(right, options)]
}

/** Everything that the socket receives until its end. Rejects with its error. */
export async function readAll(socket: ChannelSocket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await finished(socket, { writable: false })
  return Buffer.concat(chunks)
}

/** Resolves when the socket is closed, to its error. */
export async function closed(socket: ChannelSocket): Promise<NodeJS.ErrnoException | undefined> {
  let failure: NodeJS.ErrnoException | undefined
  socket.on('error', (error) => {
    failure = error
  })
  // Not `once` of node:events, which rejects with an error.
  if (!socket.closed)
    await new Promise<void>((resolve) => {
      socket.once('close', resolve)
    })
  return failure
}
