import { createConnection, type Socket } from 'node:net'
import { transportOf } from './address/connected-socket.js'
import type { NetworkAddress } from './address/network-address.js'
import type { PipeAddress } from './address/pipe-address.js'
import type { UnixAddress } from './address/unix-address.js'
import type { Address } from './address.js'
import { retryWhileQueueIsFull } from './control/full-queue.js'
import { handshakeAsClient } from './control/handshake-client.js'
import { handshakeOverStream } from './control/handshake-symmetric.js'
import { identifyPipeServer, refuseForeignServer } from './control/identify-pipe-server.js'
import { openSocket } from './control/open-socket.js'
import { checkMayUseNetwork } from './control/permission-model.js'
import { refuseDescriptors } from './control/refuse-descriptors.js'
import { checkServerPlace } from './control/runtime-directory.js'
import { handoverPath } from './control/server-files.js'
import { loadForChannels } from './load-for-channels.js'
import type { NativeLoad } from './native/load-binding.js'
import type { Settings } from './options.js'
import { takeStandardStreams } from './standard-streams.js'
import type { StreamTransport } from './transport.js'
import type { Agreement } from './wire/agreement.js'

export interface EstablishOptions {
  readonly settings: Settings
  readonly codecName: string
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
}

/** A connection on which both sides have agreed, and what the link over it needs. */
export interface Established {
  readonly agreement: Agreement
  readonly native: NativeLoad
}

/** A connection without shared memory. */
export function withoutMemory(transport: StreamTransport): { readonly unavailable: string } {
  return { unavailable: `a channel over '${transport}' has none` }
}

/** Connects to a server, unless the user has done it, and runs the handshake. */
export function establish(target: Address | Socket, options: EstablishOptions): Promise<Established> {
  if (!('kind' in target)) return overSocket(target, options)
  switch (target.kind) {
    case 'unix':
      return overUnixSocket(target, options)
    case 'stdio':
      return overStdio(options)
    case 'pipe':
      return target.isPrivate ? overPipe(target, options) : overNetwork(target, options)
    default:
      return overNetwork(target, options)
  }
}

async function overUnixSocket(address: UnixAddress, options: EstablishOptions): Promise<Established> {
  const { path } = address
  const { signal, timeoutMs, settings } = options
  const native = await loadForChannels(settings)
  checkServerPlace(address)
  const handshake = { ...options, native, transport: 'unix', handoverPath: handoverPath(path) } as const
  const agreement = await retryWhileQueueIsFull(path, { signal, timeoutMs }, (leftMs) => {
    const socket = createConnection({ path })
    refuseOrDestroy(socket, native)
    return handshakeAsClient(socket, { ...handshake, timeoutMs: leftMs })
  })
  return { agreement, native }
}

async function overPipe({ path, text }: PipeAddress, options: EstablishOptions): Promise<Established> {
  const native = await loadForChannels(options.settings)
  checkMayUseNetwork(`connect to ${text}`)
  await refuseForeignServer(path, native)
  const agreement = await handshakeAsClient(createConnection({ path }), {
    ...options,
    native,
    transport: 'pipe',
    handoverPath: path,
    place: text,
    identify: () => identifyPipeServer(path, native),
  })
  return { agreement, native }
}

async function overNetwork(
  target: NetworkAddress | PipeAddress,
  options: EstablishOptions,
): Promise<Established> {
  const { kind: transport, text } = target
  checkMayUseNetwork(`connect to ${text}`)
  const native = withoutMemory(transport)
  const socket = await openSocket(target, options.settings)
  const handshake = { ...options, native, transport, handoverPath: '', place: text }
  return { agreement: await handshakeAsClient(socket, handshake), native }
}

async function overStdio(options: EstablishOptions): Promise<Established> {
  const native = withoutMemory('stdio')
  const stream = takeStandardStreams()
  const terms = { native, transport: 'stdio', reason: native.unavailable } as const
  return { agreement: await handshakeOverStream(stream, { ...options, ...terms }), native }
}

async function overSocket(socket: Socket, options: EstablishOptions): Promise<Established> {
  const transport = transportOf(socket)
  const native = transport === 'unix' ? await loadWithoutMemory(options.settings) : withoutMemory(transport)
  if (transport === 'unix') refuseOrDestroy(socket, native)
  else socket.setNoDelay(true)
  const agreement = await handshakeAsClient(socket, { ...options, native, transport, handoverPath: '' })
  return { agreement, native }
}

/** The addon identifies the peer. The path of the server's handover socket is unknown. */
async function loadWithoutMemory(settings: Settings): Promise<NativeLoad> {
  const native = await loadForChannels(settings)
  return 'binding' in native ? { ...native, noMemory: 'the socket was passed to connect' } : native
}

function refuseOrDestroy(socket: Socket, native: NativeLoad): void {
  try {
    refuseDescriptors(socket, native)
  } catch (error) {
    socket.destroy()
    throw error
  }
}
