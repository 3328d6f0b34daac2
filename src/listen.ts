import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { checkListenAddress } from './address/check-address.js'
import { parseAddress } from './address.js'
import { AsyncQueue } from './async-queue.js'
import type { Channel } from './channel/channel.js'
import type { ChannelDependencies } from './channel/types.js'
import type { Codec } from './codec/codec.js'
import { codecFor } from './codec/codecs.js'
import type { AnnouncedService } from './control/description.js'
import type { HandoverSlots } from './control/handover-slots.js'
import { newHandshakeLimits } from './control/handshake.js'
import { handshakeAsServer } from './control/handshake-server.js'
import type { WhenInUse } from './control/name-lease.js'
import { Observers } from './control/observers.js'
import type { ServedName } from './control/served-name.js'
import type { ServedPort } from './control/served-port.js'
import { endWithin } from './deadline.js'
import { ErrorCode, ShmwireError } from './errors.js'
import { newAbortController, nextTick, timeOfDayMs } from './host.js'
import { notifyLateListeners } from './late-listeners.js'
import { log } from './log/log.js'
import type { NativeHandoverSocket } from './native/binding.js'
import { memoryFault, type NativeLoad } from './native/load-binding.js'
import { accepts } from './observe/diagnostics-channels.js'
import type { ConnectPayload } from './observe/diagnostics-payloads.js'
import { tracePromise } from './observe/diagnostics-trace.js'
import type { ServerFigures } from './observe/figures.js'
import { register } from './observe/registry.js'
import { openChannel } from './open-channel.js'
import { openPlace } from './open-place.js'
import {
  booleanOption,
  type ChannelOptions,
  invalid,
  OPTION_NAMES,
  resolveOptions,
  type Settings,
  type WaitOptions,
} from './options.js'
import { incomingMessages } from './schema/incoming-messages.js'
import type { StreamTransport } from './transport.js'
import { runApart } from './uncaught.js'

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface ServerEvents<Incoming = any, Outgoing = any> {
  /** A client has connected. Without a listener and a loop, the channel is destroyed. */
  channel: [channel: Channel<Incoming, Outgoing>]
  /** The server has closed. */
  close: []
}

/** The options of `listen`. */
export interface ListenOptions extends ChannelOptions {
  /**
   * Applies while a live server has the address. `'fail'` rejects with `NAME_IN_USE`. `'wait'` waits for the end of that server, within
   * `signal` and `timeoutMs`, and keeps the process alive meanwhile. One of several waiting servers gets the address. Default `'fail'`.
   */
  whenInUse?: WhenInUse | undefined
  /**
   * Processes of the same user can read the counters of this process at the server's address: `shmwire top`, `shmwire metrics`. Never over TCP
   * and TLS, and without the addon not with `authorize`. Default true.
   */
  observe?: boolean | undefined
}

const WHEN_IN_USE: readonly string[] = ['fail', 'wait'] satisfies WhenInUse[]
const LISTEN_OPTION_NAMES: readonly string[] = [...OPTION_NAMES, 'whenInUse', 'observe']

/**
 * Listens at an address. Resolves when clients can connect. One live server can have an address. The files of a dead server are replaced
 * at once. While it runs, a server protects its files from programs that remove old files.
 *
 * `listen<Incoming, Outgoing>(…)` gives its channels the types of their messages; see `Channel`.
 *
 * @param address a name of 1 to 64 letters, digits, `.`, `_` and `-`, `unix:/absolute/path.sock`, `tcp://host:port` or `tls://host:port`
 * @throws `INVALID_ARGUMENT`, `NAME_IN_USE`, `DENIED`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function listen<Incoming = any, Outgoing = any>(
  address: string,
  options: ListenOptions & WaitOptions = {},
): Promise<Server<Incoming, Outgoing>> {
  const settings = resolveOptions(options, LISTEN_OPTION_NAMES)
  const { signal, timeoutMs, whenInUse = 'fail' } = options
  if (!WHEN_IN_USE.includes(whenInUse))
    throw invalid('whenInUse', whenInUse, `one of ${WHEN_IN_USE.join(', ')}`)
  const observe = booleanOption('observe', options.observe ?? true)
  const target = parseAddress(address)
  checkListenAddress(target, settings)
  const codec = codecFor(settings.codec)
  // Read once, because an accessor of the user can throw, and a later error would leave a client's connection open.
  const codecName = codec.name
  const messages = await incomingMessages(settings.schema)
  const { native, transport, serve } = await openPlace(target, settings, { signal, timeoutMs, whenInUse })
  return new Server({ serve, transport, settings, codec, codecName, native, messages, observe })
}

interface ServerParts {
  /** Begins to pass accepted sockets. */
  readonly serve: (accept: (socket: Socket) => void) => ServedName | ServedPort
  readonly transport: StreamTransport
  readonly settings: Settings
  readonly codec: Codec
  readonly codecName: string
  readonly native: NativeLoad
  readonly messages: ChannelDependencies['messages']
  /** Its control socket answers OBSERVE. */
  readonly observe: boolean
}

/** The part of a server's description that can change: see `listServers` and `watchServers`. */
export interface Announcement {
  /** The services that it serves now. */
  readonly services: readonly AnnouncedService[]
}

let announceServices: (server: Server, services: readonly AnnouncedService[]) => void

/**
 * Replaces what a server announces. Present watchers get it at once. Only for other parts of this package: the service layer knows the
 * services of a server, and users do not call it. Throws `INVALID_ARGUMENT`.
 */
export function announce(server: Server, { services }: Announcement): void {
  announceServices(server, services)
}

let watch: (server: Server, onChannel: (channel: Channel) => void) => void
let memoryOf: (server: Server) => ServerMemory

/** How a server receives descriptors of clients that are connected already. */
export interface ServerMemory {
  readonly native: NativeLoad
  readonly handoverSocket: NativeHandoverSocket | undefined
  /** Why the server shares no memory with its clients, as a sentence. Undefined: it can, and has a handover socket. */
  readonly obstacle: string | undefined
  /** Shared with the handshakes of the server. */
  readonly slots: HandoverSlots
}

/** Accepts channels at an address, with the `channel` event or a `for await` loop. It keeps the process alive until it is closed. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class Server<Incoming = any, Outgoing = any>
  extends EventEmitter<ServerEvents<Incoming, Outgoing>>
  implements AsyncDisposable
{
  static {
    // Here, because only the class has access to private members.
    announceServices = (server, services) => server.#observers.announce(services)
  }

  /** The address that was passed to `listen`, with the real port if that was 0. */
  readonly address: string
  readonly #parts: ServerParts
  readonly #place: ServedName | ServedPort
  readonly #channels = new Set<Channel<Incoming, Outgoing>>()
  readonly #queue = new AsyncQueue<Channel<Incoming, Outgoing>>()
  readonly #limits = newHandshakeLimits()
  readonly #observers: Observers
  readonly #stopping = newAbortController()
  #handshakes = 0
  #handshakesFailed = 0
  #closed = false
  #finished = false
  readonly #startedAtMs = timeOfDayMs()
  readonly #unregister: () => void
  #closers: (() => void)[] = []
  readonly #watchers: ((channel: Channel<Incoming, Outgoing>) => void)[] = []

  static {
    memoryOf = (server) => server.#memory()
    watch = (server, onChannel) => {
      server.#watchers.push(onChannel)
      for (const channel of server.#channels) onChannel(channel)
    }
  }

  /** Only `listen` creates servers. */
  constructor(parts: ServerParts) {
    super()
    this.#parts = parts
    this.#observers = new Observers(parts.observe && knowsOwnUser(parts))
    this.#place = parts.serve((socket) => void this.#accept(socket))
    this.address = this.#place.address
    this.#unregister = register('servers', this, (server) => server.#figures())
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
      // The `close` event of the channel reports the error.
      const closes = [...this.#channels].map((channel) => channel.close().catch(() => {}))
      this.#finishWhenIdle()
      // A request handler that waits for this call must not wait for its own channel; see `Channel.close`.
      void Promise.all(closes).then(() => this.#handshakes === 0 && !this.#finished && resolve())
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
    this.#place.ref()
    return this
  }

  /** The process may end while the server listens. Channels have their own `unref`. */
  unref(): this {
    this.#place.unref()
    return this
  }

  #memory(): ServerMemory {
    const { native, settings } = this.#parts
    const { handoverSocket, handoverUnavailable } = this.#place
    const fault = memoryFault(native)
    let obstacle: string | undefined
    if (settings.transport === 'socket') obstacle = "the server has the option transport: 'socket'"
    else if (fault !== undefined) obstacle = `the server has no shared memory: ${fault}`
    else if (handoverSocket === undefined)
      obstacle = `the server has no handover socket: ${handoverUnavailable ?? 'it was not opened'}`
    return { native, handoverSocket, obstacle, slots: this.#limits.slots }
  }

  async #accept(socket: Socket): Promise<void> {
    this.#handshakes += 1
    const payloadOf = (): ConnectPayload => ({ address: this.address, channel: undefined })
    try {
      await tracePromise(accepts, payloadOf, (payload) => this.#handshake(socket, payload))
    } catch (error) {
      // The client knows the reason. A failed client does not affect the server.
      log(this.#parts.settings.logger, 'client.refused', () => ({ address: this.address, error }))
      this.#countFailure(error)
    } finally {
      this.#handshakes -= 1
      this.#finishWhenIdle()
    }
  }

  async #handshake(socket: Socket, payload: ConnectPayload | undefined): Promise<void> {
    const { settings, codec, codecName, native, transport, messages } = this.#parts
    const { handoverSocket, handoverUnavailable } = this.#place
    const result = await handshakeAsServer(socket, {
      settings,
      codecName,
      native,
      transport,
      handoverSocket,
      limits: this.#limits,
      handoverUnavailable,
      signal: this.#stopping.signal,
    })
    if ('owner' in result) {
      this.#observers.add(result)
      return
    }
    const channel: Channel = openChannel(result, {
      settings,
      codec,
      native,
      messages,
      origin: { role: 'server', address: this.address },
      onClosed: () => this.#forget(channel),
    })
    if (payload !== undefined) payload.channel = channel
    this.#offer(channel)
  }

  #figures(): ServerFigures {
    return {
      address: this.address,
      transport: this.#parts.transport,
      startedAtMs: this.#startedAtMs,
      channelsOpen: this.#channels.size,
      handshakesOpen: this.#handshakes,
      handshakesFailed: this.#handshakesFailed,
      observers: this.#observers.count,
    }
  }

  /** A client that has gone may only have checked that the server listens. */
  #countFailure(error: unknown): void {
    if (!(error instanceof ShmwireError) || error.code !== ErrorCode.PEER_GONE) this.#handshakesFailed += 1
  }

  #offer(channel: Channel): void {
    this.#channels.add(channel)
    for (const onChannel of this.#watchers) onChannel(channel)
    // In the same turn, because the first record can arrive in the next one and needs a handler.
    runApart(() => {
      if (!this.#closed && this.#queue.iterating) this.#queue.push(channel)
      else if (this.#closed || !this.emit('channel', channel)) this.#untaken(channel)
    })
  }

  /** The program does not take the channel. With a service, it carries calls alone. */
  #untaken(channel: Channel<Incoming, Outgoing>): void {
    if (this.#closed || this.#watchers.length === 0) channel.destroy()
    else channel.handle(undefined)
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel)
    this.#finishWhenIdle()
  }

  #stop(): void {
    if (this.#closed) return
    this.#closed = true
    this.#place.release()
    this.#stopping.abort()
    this.#observers.close()
    this.#place.closeHandover()
    this.#queue.end()
  }

  #finishWhenIdle(): void {
    if (!this.#closed || this.#handshakes > 0 || this.#channels.size > 0 || this.#finished) return
    this.#finished = true
    this.#unregister()
    // In a separate turn, because the end of a channel or a call of `close` leads here.
    nextTick(() => {
      for (const resolve of this.#closers.splice(0)) resolve()
      notifyLateListeners(this, 'close')
      this.emit('close')
    })
  }
}

/**
 * Without the addon, only the directory of the socket keeps other users out. A program that passes `authorize` can have opened it to them, and
 * then nothing shows which peer is of this user.
 */
function knowsOwnUser({ settings, native }: ServerParts): boolean {
  return settings.authorize === undefined || 'binding' in native
}

/** An error that a listener of `close` throws must not keep the other channels open. */
function destroyApart(channel: Channel): void {
  runApart(() => channel.destroy())
}

/**
 * Calls `onChannel` with each channel of the server, those that are open now included, before its program gets the channel. The server then
 * keeps channels that its program does not take. For src/service.
 */
export function watchChannels(server: Server, onChannel: (channel: Channel) => void): void {
  watch(server, onChannel)
}

/** How the server receives descriptors now: it can open its handover socket again. For src/messaging. */
export function serverMemory(server: Server): ServerMemory {
  return memoryOf(server)
}
