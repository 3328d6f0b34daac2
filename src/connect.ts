import { createConnection, type Socket } from 'node:net'
import { parseAddress } from './address.js'
import type { Channel } from './channel/channel.js'
import type { ChannelDependencies } from './channel/types.js'
import { codecFor } from './codec/codecs.js'
import { handshakeAsClient } from './control/handshake-client.js'
import { refuseDescriptors } from './control/refuse-descriptors.js'
import { checkRuntimeDirectory } from './control/runtime-directory.js'
import { handoverPath } from './control/server-files.js'
import { loadForChannels } from './load-for-channels.js'
import type { NativeLoad } from './native/load-binding.js'
import { openChannel } from './open-channel.js'
import { type ChannelOptions, resolveOptions, type WaitOptions } from './options.js'

/**
 * Connects to a server on this machine. Resolves to the channel.
 *
 * `connect<Incoming, Outgoing>(…)` gives the channel the types of its messages; see `Channel`.
 *
 * @param address a name, as given to `listen`, or `unix:/absolute/path.sock`
 * @param options see ChannelOptions; `timeoutMs` is 10,000 unless given
 * @throws `INVALID_ARGUMENT`, `NOT_LISTENING`, `DENIED`, `VERSION`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function connect<Incoming = any, Outgoing = any>(
  address: string,
  options: ChannelOptions & WaitOptions = {},
): Promise<Channel<Incoming, Outgoing>> {
  return connectChannel(address, options)
}

/** Like `connect`. `onClosed` reports the end of the channel even if a listener of the user throws. */
export async function connectChannel(
  address: string,
  options: ChannelOptions & WaitOptions,
  onClosed?: ChannelDependencies['onClosed'],
): Promise<Channel> {
  const settings = resolveOptions(options)
  const { path, directory } = parseAddress(address)
  const codec = codecFor(settings.codec)
  const native = await loadForChannels(settings)
  if (directory !== undefined) checkRuntimeDirectory(directory)
  // An accessor of the user can throw, so the options are read before there is a connection to close.
  const { signal, timeoutMs } = options
  const names = { codecName: codec.name, handoverPath: handoverPath(path) }
  const handshake = { ...names, settings, native, signal, timeoutMs }
  const socket = createConnection({ path })
  refuseOrDestroy(socket, native)
  const agreement = await handshakeAsClient(socket, handshake)
  return openChannel(agreement, { settings, codec, native, onClosed })
}

function refuseOrDestroy(socket: Socket, native: NativeLoad): void {
  try {
    refuseDescriptors(socket, native)
  } catch (error) {
    socket.destroy()
    throw error
  }
}
