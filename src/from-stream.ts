import type { Duplex, Readable, Writable } from 'node:stream'
import { checkBytes } from './address/check-bytes.js'
import type { ByteStream } from './byte-stream.js'
import type { Channel } from './channel/channel.js'
import { codecFor } from './codec/codecs.js'
import { handshakeOverStream } from './control/handshake-symmetric.js'
import { withoutMemory } from './establish.js'
import { JoinedStream } from './joined-stream.js'
import { connects } from './observe/diagnostics-channels.js'
import type { ConnectPayload } from './observe/diagnostics-payloads.js'
import { tracePromise } from './observe/diagnostics-trace.js'
import { openChannel } from './open-channel.js'
import {
  type ChannelOptions,
  invalid,
  misuse,
  resolveOptions,
  type Settings,
  type WaitOptions,
} from './options.js'
import { incomingMessages } from './schema/incoming-messages.js'
import type { StreamTransport } from './transport.js'
import type { Direction } from './wire/agreement.js'

/** The halves of a connection. With one of them, the channel only receives, or only sends. */
export interface StreamHalves {
  /** The bytes of the peer. */
  readonly readable?: Readable | undefined
  /** The bytes for the peer. */
  readonly writable?: Writable | undefined
}

const FORMS = 'a Duplex of bytes, or an object with readable, writable or both'

/**
 * Creates a channel over any connected stream of bytes. Both ends call it, and neither must know which one it is. The peer is trusted unless
 * `authorize` is given, because the caller knows to whom the stream leads.
 *
 * `fromStream({ readable })` and `fromStream({ writable })` use a pipe or a FIFO in one direction, for messages only: requests throw
 * `INVALID_STATE`.
 *
 * @param options see ChannelOptions; `timeoutMs` of the handshake is 10,000 unless given
 * @throws `INVALID_ARGUMENT`, `DENIED`, `VERSION`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function fromStream<Incoming = any, Outgoing = any>(
  stream: Duplex | StreamHalves,
  options: ChannelOptions & WaitOptions = {},
): Promise<Channel<Incoming, Outgoing>> {
  const settings = resolveOptions(options)
  if (settings.transport === 'shm')
    throw misuse("transport 'shm' cannot be used over a stream; use connect and listen")
  if (settings.tls !== undefined)
    throw misuse('the option tls is for tls:// addresses; pass a socket of node:tls')
  const { connected, direction } = connectedStream(stream)
  return openOverStream(connected, { options, settings, direction, transport: 'stream' })
}

export interface StreamChannelOptions {
  readonly options: WaitOptions
  readonly settings: Settings
  readonly direction?: Direction | undefined
  readonly transport: StreamTransport
}

/** The handshake and the channel of both sides over a stream. */
export function openOverStream(
  stream: ByteStream,
  options: StreamChannelOptions,
  onClosed?: () => void,
): Promise<Channel> {
  const payloadOf = (): ConnectPayload => ({ address: undefined, channel: undefined })
  return tracePromise(connects, payloadOf, async (payload) => {
    const channel = await openOne(stream, options, onClosed)
    if (payload !== undefined) payload.channel = channel
    return channel
  })
}

async function openOne(
  stream: ByteStream,
  { options, settings, direction, transport }: StreamChannelOptions,
  onClosed: (() => void) | undefined,
): Promise<Channel> {
  const codec = codecFor(settings.codec)
  const messages = await incomingMessages(settings.schema)
  const native = withoutMemory(transport)
  const { signal, timeoutMs } = options
  const reason = native.unavailable
  const common = { settings, codecName: codec.name, native, transport, reason, direction }
  const agreement = await handshakeOverStream(stream, { ...common, signal, timeoutMs })
  const origin = { role: 'stream', address: '' } as const
  return openChannel(agreement, { settings, codec, native, messages, origin, onClosed })
}

function connectedStream(given: Duplex | StreamHalves): {
  connected: ByteStream
  direction: Direction | undefined
} {
  if (isReadable(given) && isWritable(given)) {
    checkBytes('stream', given)
    return { connected: given, direction: undefined }
  }
  if (typeof given !== 'object' || given === null || isReadable(given) || isWritable(given))
    throw invalid('stream', given, FORMS)
  const { readable, writable } = given
  if (readable === undefined && writable === undefined) throw invalid('stream', given, FORMS)
  if (readable !== undefined && !isReadable(readable))
    throw invalid('stream.readable', readable, 'a Readable')
  if (writable !== undefined && !isWritable(writable))
    throw invalid('stream.writable', writable, 'a Writable')
  for (const half of [readable, writable]) if (half !== undefined) checkBytes('stream', half)
  const isBoth = readable !== undefined && writable !== undefined
  const direction = isBoth ? undefined : readable === undefined ? 'write' : 'read'
  return { connected: new JoinedStream({ readable, writable }), direction }
}

// Not by class, because a stream can be of another realm or of the package readable-stream.
function isReadable(value: unknown): value is Readable {
  const stream = value as Partial<Readable> | null | undefined
  return typeof stream?.on === 'function' && typeof stream.read === 'function'
}

function isWritable(value: unknown): value is Writable {
  const stream = value as Partial<Writable> | null | undefined
  return typeof stream?.on === 'function' && typeof stream.write === 'function'
}
