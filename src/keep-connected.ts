import { EventEmitter } from 'node:events'
import { parseAddress } from './address.js'
import type { Channel } from './channel/channel.js'
import { connectChannel } from './connect.js'
import { ErrorCode, ShmwireError } from './errors.js'
import {
  type ChannelOptions,
  checkWaitOptions,
  invalid,
  misuse,
  OPTION_NAMES,
  resolveOptions,
  unknownOption,
  type WaitOptions,
} from './options.js'
import { runApart } from './uncaught.js'

/** How long to wait before the next try, in milliseconds. */
export interface BackOff {
  /** The bound of the first wait; each further one doubles it. 1 to 3,600,000. Default 20. */
  minMs?: number | undefined
  /** The bound of all waits. From `minMs` to 3,600,000. Default 2,000. */
  maxMs?: number | undefined
}

export interface KeepConnectedOptions extends ChannelOptions {
  /** For each try; see `connect`. Default 10,000. */
  timeoutMs?: number | undefined
  backOff?: BackOff | undefined
}

/** Why there is no channel, and when there will be a further try. */
export interface Retry {
  /** What ended the last channel or the last try; undefined when the channel was closed in order. */
  readonly error: Error | undefined
  /** Counts from 1; anew after a channel that has lasted for longer than `backOff.maxMs`. */
  readonly attempt: number
  readonly delayMs: number
}

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface ConnectorEvents<Incoming = any, Outgoing = any> {
  /** Connected, for the first time or again. A new channel each time: nothing of the one before is carried over. */
  channel: [channel: Channel<Incoming, Outgoing>]
  /** The channel is over, or a try has failed; there will be another one. */
  retry: [retry: Retry]
  /** There will be no further try: with why, unless `close` or `destroy` was called. Always, once, last. */
  close: [error: Error | undefined]
}

const DELAY_MS_MAX = 3_600_000

interface Bounds {
  readonly minMs: number
  readonly maxMs: number
}

/** What a server that is not there, is about to die, or is about to come may cause. All else would be the same the next time. */
const PASSING: ReadonlySet<unknown> = new Set([
  ErrorCode.NOT_LISTENING,
  ErrorCode.PEER_GONE,
  ErrorCode.TIMEOUT,
  ErrorCode.UNAVAILABLE,
  ErrorCode.OUT_OF_MEMORY,
])

/**
 * Connects, and connects again whenever the channel is over, until it is closed. The waits between tries grow, and are drawn at
 * random, so that the clients of a server that was restarted do not come all at once (M. Brooker, "Exponential Backoff And
 * Jitter", 2015: full jitter).
 *
 * @param address as for `connect`
 * @throws `INVALID_ARGUMENT`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function keepConnected<Incoming = any, Outgoing = any>(
  address: string,
  options: KeepConnectedOptions = {},
): Connector<Incoming, Outgoing> {
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
  const { backOff, ...channelOptions } = options
  if ('signal' in options)
    throw misuse('keepConnected does not take the option "signal"; call close() or destroy() to end it')
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name) && name !== 'backOff')
      throw unknownOption(name, [...OPTION_NAMES.filter((known) => known !== 'signal'), 'backOff'])
  }
  parseAddress(address)
  resolveOptions(channelOptions)
  return new Connector(address, channelOptions, backOffOption(backOff))
}

/** One connection after the other to the same address. It keeps the process alive until it is closed, or `unref()` is called. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class Connector<Incoming = any, Outgoing = any>
  extends EventEmitter<ConnectorEvents<Incoming, Outgoing>>
  implements AsyncDisposable
{
  readonly address: string
  readonly #options: ChannelOptions & WaitOptions
  readonly #backOff: Bounds
  readonly #stopping = new AbortController()
  readonly #over: Promise<void>
  #channel: Channel<Incoming, Outgoing> | undefined
  #timer: NodeJS.Timeout | undefined
  #referenced = true
  #attempt = 0

  /** Connectors come from `keepConnected`. */
  constructor(address: string, options: ChannelOptions & WaitOptions, backOff: Bounds) {
    super()
    this.address = address
    this.#options = options
    this.#backOff = backOff
    this.#over = this.#run()
  }

  /** The channel that is open at present. */
  get channel(): Channel<Incoming, Outgoing> | undefined {
    return this.#channel
  }

  /** Ends the tries and closes the channel in order (see `Channel.close`). Resolves when it is over. Rejects like that. */
  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    const channel = this.#channel
    this.#stopping.abort()
    try {
      await channel?.close(bounds)
    } finally {
      await this.#over
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends the tries and the channel at once; see `Channel.destroy`. */
  destroy(error?: Error): void {
    this.#stopping.abort()
    this.#channel?.destroy(error)
  }

  /** It keeps the process alive: the default. */
  ref(): this {
    this.#referenced = true
    this.#channel?.ref()
    this.#timer?.ref()
    return this
  }

  /** The process may end, except in the midst of a try. */
  unref(): this {
    this.#referenced = false
    this.#channel?.unref()
    this.#timer?.unref()
    return this
  }

  async #run(): Promise<void> {
    let failure: Error | undefined
    try {
      await this.#connectAgainAndAgain()
    } catch (error) {
      if (!this.#stopping.signal.aborted) failure = error as Error
    }
    // In a turn of its own, like 'retry', so that what a listener throws is an uncaught exception.
    process.nextTick(() => this.emit('close', failure))
  }

  async #connectAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const error = await this.#connectOnce()
      if (signal.aborted) return
      this.#attempt += 1
      await this.#wait(error)
    }
  }

  /** Resolves, when the channel is over, to what ended it, or to why there was none. Rejects when there never will be one. */
  async #connectOnce(): Promise<Error | undefined> {
    let channel: Channel
    let end!: (error: Error | undefined) => void
    // Not by its event, which a listener of the user can keep from us.
    const over = new Promise<Error | undefined>((resolve) => {
      end = resolve
    })
    try {
      channel = await connectChannel(this.address, { ...this.#options, signal: this.#stopping.signal }, end)
    } catch (error) {
      if (error instanceof ShmwireError && PASSING.has(error.code)) return error
      throw error
    }
    const beginMs = performance.now()
    this.#channel = channel
    if (!this.#referenced) channel.unref()
    // Whoever has ended the tries just now did not find the channel.
    if (this.#stopping.signal.aborted) channel.destroy()
    // In the same turn: its first record may come in the next one, and wants a handler.
    else runApart(() => this.emit('channel', channel))
    const error = await over
    this.#channel = undefined
    if (performance.now() - beginMs > this.#backOff.maxMs) this.#attempt = 0
    return error
  }

  #wait(error: Error | undefined): Promise<void> {
    const { minMs, maxMs } = this.#backOff
    const attempt = this.#attempt
    const delayMs = Math.random() * Math.min(maxMs, minMs * 2 ** (attempt - 1))
    process.nextTick(() => this.emit('retry', { error, attempt, delayMs }))
    return new Promise((resolve) => {
      const { signal } = this.#stopping
      const end = (): void => {
        clearTimeout(timer)
        this.#timer = undefined
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, delayMs)
      if (!this.#referenced) timer.unref()
      this.#timer = timer
      signal.addEventListener('abort', end)
    })
  }
}

function backOffOption(backOff: BackOff = {}): Bounds {
  if (typeof backOff !== 'object' || backOff === null) throw invalid('backOff', backOff, 'an object')
  for (const name of Object.keys(backOff)) {
    if (name !== 'minMs' && name !== 'maxMs')
      throw unknownOption(`backOff.${name}`, ['backOff.minMs', 'backOff.maxMs'])
  }
  const { minMs = 20, maxMs } = backOff
  if (!isWithin(minMs, 1, DELAY_MS_MAX))
    throw invalid('backOff.minMs', minMs, `a number from 1 to ${DELAY_MS_MAX}`)
  const bound = maxMs === undefined ? Math.max(2_000, minMs) : maxMs
  if (!isWithin(bound, minMs, DELAY_MS_MAX))
    throw invalid('backOff.maxMs', bound, `a number from backOff.minMs (${minMs}) to ${DELAY_MS_MAX}`)
  return { minMs, maxMs: bound }
}

/** Strings and bigints can be compared with numbers, too, and fail only where they are calculated with. */
function isWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max
}
