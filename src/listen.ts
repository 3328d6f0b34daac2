import { EventEmitter } from 'node:events'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { parseAddress } from './address.js'
import { AsyncQueue } from './async-queue.js'
import type { Channel } from './channel/channel.js'
import type { Codec } from './codec/codec.js'
import { codecFor } from './codec/codecs.js'
import { newHandshakeLimits } from './control/handshake.js'
import { handshakeAsServer } from './control/handshake-server.js'
import { acquireNameLease, type NameLease } from './control/name-lease.js'
import { refuseDescriptors } from './control/refuse-descriptors.js'
import { prepareRuntimeDirectory } from './control/runtime-directory.js'
import { endWithin } from './deadline.js'
import { ErrorCode, ShmwireError } from './errors.js'
import { loadForChannels } from './load-for-channels.js'
import { log } from './log.js'
import type { NativeHandoverSocket } from './native/binding.js'
import { memoryFault, type NativeLoad } from './native/load-binding.js'
import { toShmwireError } from './native/native-error.js'
import { openChannel } from './open-channel.js'
import { type ChannelOptions, resolveOptions, type Settings, type WaitOptions } from './options.js'
import { runApart, textOfThrown } from './uncaught.js'

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface ServerEvents<Incoming = any, Outgoing = any> {
  /** A client has connected. Without a listener and a loop, the channel is destroyed. */
  channel: [channel: Channel<Incoming, Outgoing>]
  /** The server has closed. */
  close: []
}

/**
 * Listens at an address. Resolves when clients can connect. One live server can have an address. The files of a dead server are replaced
 * at once.
 *
 * `listen<Incoming, Outgoing>(…)` gives its channels the types of their messages; see `Channel`.
 *
 * @param address a name of 1 to 64 letters, digits, `.`, `_` and `-`, or `unix:/absolute/path.sock`
 * @throws `INVALID_ARGUMENT`, `NAME_IN_USE`, `DENIED`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function listen<Incoming = any, Outgoing = any>(
  address: string,
  options: ChannelOptions & WaitOptions = {},
): Promise<Server<Incoming, Outgoing>> {
  const settings = resolveOptions(options)
  const { path, text, directory } = parseAddress(address)
  const codec = codecFor(settings.codec)
  // Read once, because an accessor of the user can throw, and a later error would leave a client's connection open.
  const codecName = codec.name
  const native = await loadForChannels(settings)
  const fault = memoryFault(native)
  if (settings.transport === 'shm' && fault !== undefined) {
    throw new ShmwireError(ErrorCode.UNAVAILABLE, `transport 'shm' cannot be used here: ${fault}`)
  }
  if (directory !== undefined) prepareRuntimeDirectory(directory)
  const netServer = createServer({ pauseOnConnect: true })
  const handoverSocket = new ServerHandoverSocket(native, settings)
  const guard = (socket: Socket | NetServer): void => refuseDescriptors(socket, native)
  // Accepted sockets inherit this, except those of earlier clients. Both calls precede the first read or close of a socket.
  netServer.on('listening', () => guard(netServer))
  netServer.on('connection', (socket) => guardAccepted(socket, guard, settings))
  try {
    const { signal, timeoutMs } = options
    const openHandover = (handoverPath: string): void => handoverSocket.open(handoverPath)
    const lease = await acquireNameLease(path, netServer, { signal, timeoutMs, text, openHandover, guard })
    return new Server({ netServer, lease, handoverSocket, address: text, settings, codec, codecName, native })
  } catch (error) {
    handoverSocket.close()
    throw error
  }
}

function guardAccepted(socket: Socket, guard: (socket: Socket) => void, settings: Settings): void {
  try {
    guard(socket)
  } catch (error) {
    // The socket is shut down, so the handshake ends with PEER_GONE.
    log(settings.logger, 'debug', () => `a client was refused: ${textOfThrown(error)}`)
  }
}

/** The socket that receives descriptors, or the reason why there is none. */
class ServerHandoverSocket {
  readonly #native: NativeLoad
  readonly #settings: Settings
  native: NativeHandoverSocket | undefined
  unavailable: string | undefined

  constructor(native: NativeLoad, settings: Settings) {
    this.#native = native
    this.#settings = settings
  }

  open(path: string): void {
    if (!('binding' in this.#native) || memoryFault(this.#native) !== undefined) return
    if (this.#settings.transport === 'socket') return
    try {
      this.native = new this.#native.binding.HandoverSocket(path)
    } catch (thrown) {
      const error = toShmwireError(thrown, 'the handover socket cannot be opened')
      if (this.#settings.transport === 'shm') throw error
      this.unavailable = error.message
      log(
        this.#settings.logger,
        'warn',
        () => `no shared memory for clients of this server: ${error.message}`,
      )
    }
  }

  close(): void {
    this.native?.close()
  }
}

interface ServerParts {
  readonly netServer: NetServer
  readonly lease: NameLease
  readonly handoverSocket: ServerHandoverSocket
  readonly address: string
  readonly settings: Settings
  readonly codec: Codec
  readonly codecName: string
  readonly native: NativeLoad
}

/** Accepts channels at an address, with the `channel` event or a `for await` loop. It keeps the process alive until it is closed. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class Server<Incoming = any, Outgoing = any>
  extends EventEmitter<ServerEvents<Incoming, Outgoing>>
  implements AsyncDisposable
{
  /** The address that was passed to `listen`. */
  readonly address: string
  readonly #parts: ServerParts
  readonly #channels = new Set<Channel<Incoming, Outgoing>>()
  readonly #queue = new AsyncQueue<Channel<Incoming, Outgoing>>()
  readonly #limits = newHandshakeLimits()
  readonly #stopping = new AbortController()
  #handshakes = 0
  #closed = false
  #finished = false
  #closers: (() => void)[] = []

  /** Only `listen` creates servers. */
  constructor(parts: ServerParts) {
    super()
    this.#parts = parts
    this.address = parts.address
    parts.netServer.on('connection', (socket) => void this.#accept(socket))
    parts.netServer.on('error', (error) =>
      log(parts.settings.logger, 'warn', () => `a client could not be accepted: ${error.message}`),
    )
  }

  /** The open channels. */
  get channels(): ReadonlySet<Channel<Incoming, Outgoing>> {
    return this.#channels
  }

  /**
   * Yields the channels as clients connect. Meanwhile, `channel` listeners do not get them. The loop ends when the server closes. If you
   * leave the loop, the remaining channels are destroyed.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Channel<Incoming, Outgoing>, undefined> {
    return this.#queue.iterate(() => {
      for (let channel = this.#queue.shift(); channel !== undefined; channel = this.#queue.shift())
        destroyApart(channel)
    })
  }

  /**
   * Frees the address, then closes every channel (see `Channel.close`). Resolves when all are closed. Rejects with `TIMEOUT`, `ABORTED`,
   * which destroys the remaining channels.
   */
  close(options?: WaitOptions): Promise<void> {
    return endWithin(options, 'closing the server', (resolve) => {
      this.#stop()
      if (this.#finished) {
        resolve()
        return () => {}
      }
      this.#closers.push(resolve)
      for (const channel of this.#channels) {
        // The `close` event of the channel reports the error.
        channel.close().catch(() => {})
      }
      this.#finishWhenIdle()
      return () => {
        for (const channel of this.#channels) destroyApart(channel)
      }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The listening server keeps the process alive, which is the default. */
  ref(): this {
    this.#parts.netServer.ref()
    return this
  }

  /** The process may end while the server listens. Channels have their own `unref`. */
  unref(): this {
    this.#parts.netServer.unref()
    return this
  }

  async #accept(socket: Socket): Promise<void> {
    const { settings, codec, codecName, native, handoverSocket } = this.#parts
    this.#handshakes += 1
    try {
      const agreement = await handshakeAsServer(socket, {
        settings,
        codecName,
        native,
        handoverSocket: handoverSocket.native,
        limits: this.#limits,
        handoverUnavailable: handoverSocket.unavailable,
        signal: this.#stopping.signal,
      })
      const channel: Channel = openChannel(agreement, {
        settings,
        codec,
        native,
        onClosed: () => this.#forget(channel),
      })
      this.#offer(channel)
    } catch (error) {
      // The client knows the reason. A failed client does not affect the server.
      log(settings.logger, 'debug', () => `a client was refused: ${textOfThrown(error)}`)
    } finally {
      this.#handshakes -= 1
      this.#finishWhenIdle()
    }
  }

  #offer(channel: Channel): void {
    this.#channels.add(channel)
    // In the same turn, because the first record can arrive in the next one and needs a handler.
    runApart(() => {
      if (!this.#closed && this.#queue.iterating) this.#queue.push(channel)
      else if (this.#closed || !this.emit('channel', channel)) channel.destroy()
    })
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel)
    this.#finishWhenIdle()
  }

  #stop(): void {
    if (this.#closed) return
    this.#closed = true
    this.#parts.lease.release()
    this.#stopping.abort()
    this.#parts.handoverSocket.close()
    this.#queue.end()
  }

  #finishWhenIdle(): void {
    if (!this.#closed || this.#handshakes > 0 || this.#channels.size > 0 || this.#finished) return
    this.#finished = true
    // In a separate turn, because the end of a channel or a call of `close` leads here.
    process.nextTick(() => {
      for (const resolve of this.#closers.splice(0)) resolve()
      this.emit('close')
    })
  }
}

/** An error that a listener of `close` throws must not keep the other channels open. */
function destroyApart(channel: Channel): void {
  runApart(() => channel.destroy())
}
