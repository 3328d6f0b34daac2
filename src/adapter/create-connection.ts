import type { Channel } from '../channel/channel.js'
import { connect } from '../connect.js'
import { type ErrorCode, ShmwireError } from '../errors.js'
import { type ChannelOptions, checkOptionNames, OPTION_NAMES } from '../options.js'
import { CHUNK_BYTES_MAX } from './channel-output.js'
import { ChannelSocket, type ChannelSocketOptions } from './channel-socket.js'
import { systemError } from './system-error.js'

/** The options of a channel that carries a byte stream. */
export type StreamChannelOptions = Omit<
  ChannelOptions,
  'codec' | 'maxMessageBytes' | 'maxDecodedBytes' | 'maxOutboxBytes' | 'views'
>

/** The options of `createConnection`. */
export interface ConnectionOptions extends StreamChannelOptions, ChannelSocketOptions {
  /** The attempt to connect fails with `ETIMEDOUT` after so many milliseconds. Default 10,000. */
  timeoutMs?: number | undefined
}

/** Fixed by the stream: chunks are bytes, and copied, because a stream keeps them. */
const FIXED_NAMES = new Set([
  'codec',
  'maxMessageBytes',
  'maxDecodedBytes',
  'maxOutboxBytes',
  'views',
  'signal',
])
const CHANNEL_OPTION_NAMES = OPTION_NAMES.filter((name) => !FIXED_NAMES.has(name))
/** The names of `ConnectionOptions`. */
export const CONNECTION_OPTION_NAMES: readonly string[] = [...CHANNEL_OPTION_NAMES, 'allowHalfOpen']

/** The names of the options of `listen` for streams. */
export const LISTEN_OPTION_NAMES: readonly string[] = [...CHANNEL_OPTION_NAMES, 'signal', 'whenInUse']

/** As for the sockets that the stacks know; other errors keep their own code. */
const SYSTEM_CODES: Partial<Record<ErrorCode, Parameters<typeof systemError>[0]>> = {
  ERR_SHMWIRE_NOT_LISTENING: 'ECONNREFUSED',
  ERR_SHMWIRE_TIMEOUT: 'ETIMEDOUT',
  ERR_SHMWIRE_DENIED: 'EACCES',
  ERR_SHMWIRE_PEER_GONE: 'ECONNRESET',
}

/** The options of `connect` and `listen` for a channel that carries a stream. Throws `INVALID_ARGUMENT` for others. */
export function streamChannel<Options extends StreamChannelOptions>(
  options: Options,
  names: readonly string[],
): Options & ChannelOptions {
  checkOptionNames(options, names)
  return { ...options, codec: 'bytes', maxMessageBytes: CHUNK_BYTES_MAX }
}

/**
 * Connects to a server of `shmwire/http`, or to one that passes its channels to `channelDuplex`. Returns the socket at once; it emits
 * `connect`, or `error` with `ECONNREFUSED` if no server listens at the address. `destroy` aborts the attempt.
 *
 * @param address a name, as given to `listen`, or `unix:/absolute/path.sock`
 * @throws `INVALID_ARGUMENT`
 */
export function createConnection(address: string, options: ConnectionOptions = {}): ChannelSocket {
  const { allowHalfOpen, ...channelOptions } = streamChannel(options, CONNECTION_OPTION_NAMES)
  const connectSocket = (signal: AbortSignal): Promise<Channel<Uint8Array, Uint8Array>> =>
    connect<Uint8Array, Uint8Array>(address, { ...channelOptions, signal }).catch((error: unknown) => {
      const code = error instanceof ShmwireError ? SYSTEM_CODES[error.code] : undefined
      throw code === undefined ? error : systemError(code, 'connect', { address, cause: error })
    })
  return new ChannelSocket(connectSocket, { allowHalfOpen })
}
