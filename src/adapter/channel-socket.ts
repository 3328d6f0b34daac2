import { Duplex } from 'node:stream'
import type { Channel } from '../channel/channel.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { clearTimeout, newAbortController, nextTick, setTimeout } from '../host.js'
import { checkOptionNames, invalid } from '../options.js'
import type { Peer } from '../peer.js'
import { runApart } from '../uncaught.js'
import { ChannelInput } from './channel-input.js'
import { ChannelOutput } from './channel-output.js'
import { checkChannel } from './check-channel.js'
import { systemError } from './system-error.js'

/** How long a destroyed socket waits until the peer has read everything that was sent. */
const LINGER_MS = 30_000

/** setTimeout has 31 bits for its delay; a longer one would fire at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

type ByteChannel = Channel<Uint8Array, Uint8Array>
type Callback = (error?: Error | null) => void

/** The options of `channelDuplex`. */
export interface ChannelSocketOptions {
  /** False: the socket ends its own side when the peer ends. Default false, as for `net.Socket`. */
  allowHalfOpen?: boolean | undefined
}

const OPTION_NAMES: readonly string[] = ['allowHalfOpen'] satisfies (keyof ChannelSocketOptions)[]

interface WrittenChunk {
  readonly chunk: Buffer
  readonly encoding: BufferEncoding
}

/** Connects within the signal, which fires when the socket is destroyed. */
type ConnectSocket = (signal: AbortSignal) => Promise<ByteChannel>

/**
 * A byte stream over a channel, with the methods of `net.Socket` that HTTP and RPC stacks call. A message is a chunk of 1 byte to 64 KiB,
 * and an empty message ends the stream. Written bytes of one turn travel in few messages.
 *
 * `destroy` delivers what was sent, and the peer sees the end, with or without an error. `resetAndDestroy`, or the death of a process, is
 * `ECONNRESET` at the other side.
 */
export class ChannelSocket extends Duplex {
  /** The time of `setTimeout`, in milliseconds; undefined until its first call. */
  timeout: number | undefined
  /** The bytes that arrived. */
  bytesRead = 0
  /** The bytes that were passed to the channel. */
  bytesWritten = 0
  /** Always undefined, as for a Unix socket; see `peer`. */
  readonly remoteAddress: undefined
  readonly remoteFamily: undefined
  readonly remotePort: undefined
  readonly localAddress: undefined
  readonly localPort: undefined

  /** Aborts the attempt to connect. Undefined: there is none. */
  #attempt: AbortController | undefined
  #channel: ByteChannel | undefined
  #input: ChannelInput | undefined
  #output: ChannelOutput | undefined
  #referenced = true
  #resets = false
  #peerEnded = false
  /** Of the write whose bytes are sent. It runs after this turn, so that the writes of the turn travel together. */
  #written: Callback | undefined
  #idleTimer: NodeJS.Timeout | undefined

  /** Sockets come from `channelDuplex` and `createConnection`. */
  constructor(start: ByteChannel | ConnectSocket, options: ChannelSocketOptions) {
    const allowHalfOpen = halfOpenOption(options)
    if (typeof start === 'function')
      super({ allowHalfOpen, construct: (callback) => this.#connect(start, callback) })
    else {
      super({ allowHalfOpen })
      this.#attach(start)
    }
  }

  /** The process at the other end; undefined until the socket is connected. */
  get peer(): Peer | undefined {
    return this.#channel?.peer
  }

  /** True until the socket of `createConnection` is connected or destroyed. */
  get connecting(): boolean {
    return this.#channel === undefined && !this.destroyed
  }

  /** True while the socket is not connected. */
  get pending(): boolean {
    return this.#channel === undefined
  }

  /** The sides that are open. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** Emits `timeout` after so many milliseconds without traffic, and does nothing else; 0 ends this. */
  setTimeout(timeoutMs: number, listener?: () => void): this {
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0 && timeoutMs <= TIMEOUT_MS_MAX))
      throw invalid('timeoutMs', timeoutMs, `a number from 0 to ${TIMEOUT_MS_MAX}`)
    this.timeout = timeoutMs
    clearTimeout(this.#idleTimer)
    this.#idleTimer = undefined
    if (timeoutMs > 0 && !this.destroyed)
      this.#idleTimer = setTimeout(() => this.emit('timeout'), timeoutMs).unref()
    if (listener !== undefined) {
      if (timeoutMs === 0) this.off('timeout', listener)
      else this.once('timeout', listener)
    }
    return this
  }

  /** Does nothing: a channel does not delay messages. */
  setNoDelay(_noDelay?: boolean): this {
    return this
  }

  /** Does nothing: the kernel reports the end of a process. */
  setKeepAlive(_enable?: boolean, _initialDelayMs?: number): this {
    return this
  }

  /** Returns an empty object, as for a Unix socket. */
  address(): Record<string, never> {
    return {}
  }

  /** The open socket keeps the process alive. This is the default. */
  ref(): this {
    this.#referenced = true
    this.#channel?.ref()
    return this
  }

  /** The process can exit while the socket is open. */
  unref(): this {
    this.#referenced = false
    this.#channel?.unref()
    return this
  }

  /** Ends the stream, and destroys the socket once everything is sent. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Destroys the socket. The peer gets `ECONNRESET`. */
  resetAndDestroy(): this {
    this.#resets = true
    return this.destroy()
  }

  /** Delivers what was sent, and ends both directions. An attempt to connect is aborted. */
  override destroy(error?: Error): this {
    // The writes of this turn were sent, as far as the caller knows.
    if (!this.#resets) this.#finishWrite()
    this.#attempt?.abort()
    return super.destroy(error)
  }

  override _read(): void {
    this.#input?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send(chunk, callback)
  }

  override _writev(chunks: WrittenChunk[], callback: Callback): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback)
  }

  override _final(callback: Callback): void {
    // The peer closed first, so it reads no end.
    const sent = this.#channel?.open !== true || this.#output?.sendFin(() => callback())
    if (sent === true) callback()
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#idleTimer)
    const channel = this.#channel
    if (channel !== undefined) this.#leave(channel)
    callback(error)
  }

  /** Connects. Calls `constructed` at the end, and then the stream takes writes. */
  #connect(connect: ConnectSocket, constructed: Callback): void {
    if (this.destroyed) {
      constructed()
      return
    }
    this.#attempt = newAbortController()
    connect(this.#attempt.signal).then(
      (channel) => this.#connected(channel, constructed),
      // The error of an attempt that `destroy` aborted is not an error of the socket.
      (error: Error) => constructed(this.destroyed ? null : error),
    )
  }

  #connected(channel: ByteChannel, constructed: Callback): void {
    this.#attempt = undefined
    this.#attach(channel)
    constructed()
    // The stream sends what was written before, and takes further writes, from the next tick on.
    nextTick(() => {
      if (this.destroyed) return
      runApart(() => this.emit('connect'))
      this.emit('ready')
    })
  }

  #attach(channel: ByteChannel): void {
    this.#channel = channel
    this.#output = new ChannelOutput(channel)
    this.#input = new ChannelInput(
      channel,
      (message) => this.#receive(message),
      (error) => this.#channelEnded(error),
    )
    // Room for a write that waits is traffic, too.
    channel.on('drain', () => this.#idleTimer?.refresh())
    if (!this.#referenced) channel.unref()
  }

  #receive(message: Uint8Array): void {
    if (!(message instanceof Uint8Array))
      this.destroy(invalid('a message of the channel', message, "binary data; use codec 'bytes'"))
    else if (this.#peerEnded)
      this.destroy(new ShmwireError(ErrorCode.CORRUPT, 'the peer sent data after the end of its stream'))
    else if (message.length === 0) this.#endReading()
    else {
      this.bytesRead += message.length
      this.#idleTimer?.refresh()
      if (!this.push(message)) this.#input?.pause()
    }
  }

  #endReading(): void {
    if (this.#peerEnded) return
    this.#peerEnded = true
    this.push(null)
  }

  #send(bytes: Buffer, callback: Callback): void {
    this.#idleTimer?.refresh()
    this.bytesWritten += bytes.length
    try {
      const sent = this.#output?.send(bytes, (error) =>
        callback(error === undefined ? null : brokenPipe(error)),
      )
      if (sent !== true) return
    } catch (error) {
      callback(brokenPipe(error))
      return
    }
    this.#written = callback
    nextTick(this.#finishWrite)
  }

  readonly #finishWrite = (): void => {
    const written = this.#written
    this.#written = undefined
    written?.()
  }

  /** The channel has ended, and everything that it received was read. */
  #channelEnded(error: Error | undefined): void {
    this.#output?.fail(error ?? new ShmwireError(ErrorCode.CLOSED, 'the peer closed the channel'))
    if (error === undefined || this.#peerEnded) this.#endReading()
    else if (error instanceof ShmwireError && error.code === ErrorCode.PEER_GONE)
      this.destroy(systemError('ECONNRESET', 'read', { cause: error }))
    else this.destroy(error)
  }

  /** The socket is destroyed. The channel lives on until the peer has everything. */
  #leave(channel: ByteChannel): void {
    this.#input?.discard()
    this.#output?.fail(new ShmwireError(ErrorCode.CLOSED, 'the socket was destroyed'))
    if (this.#resets) {
      channel.destroy()
      return
    }
    const timer = setTimeout(() => channel.destroy(), LINGER_MS).unref()
    channel.once('close', () => clearTimeout(timer))
    // Both fail only if the peer ends first, and then it reads nothing more.
    if (channel.open)
      this.#output?.end().then(
        () => channel.unref(),
        () => {},
      )
    channel.close().catch(() => {})
  }
}

function brokenPipe(cause: unknown): Error {
  return systemError('EPIPE', 'write', { cause })
}

function halfOpenOption(options: ChannelSocketOptions): boolean {
  checkOptionNames(options, OPTION_NAMES)
  const { allowHalfOpen = false } = options
  if (typeof allowHalfOpen !== 'boolean') throw invalid('allowHalfOpen', allowHalfOpen, 'true or false')
  return allowHalfOpen
}

/**
 * A byte stream over an open channel with codec `'bytes'`, with the methods of `net.Socket`. The other side does the same, or uses
 * `createConnection`. The socket owns the channel from now on.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function channelDuplex(
  channel: Channel<Uint8Array, Uint8Array>,
  options: ChannelSocketOptions = {},
): ChannelSocket {
  checkChannel(channel)
  return new ChannelSocket(channel, options)
}
