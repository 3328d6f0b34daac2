import { EventEmitter } from 'node:events'
import { checkConnectAddress } from './address/check-address.js'
import { parseAddress } from './address.js'
import { backOffMs } from './back-off.js'
import type { Channel } from './channel/channel.js'
import { connectChannel } from './connect.js'
import { PASSING_CODES, ShmwireError } from './errors.js'
import { clearTimeout, newAbortController, nextTick, nowMs, setTimeout } from './host.js'
import { notifyLateListeners } from './late-listeners.js'
import {
  type ChannelOptions,
  checkOptionNames,
  checkWaitOptions,
  invalid,
  misuse,
  OPTION_NAMES,
  resolveOptions,
  unknownOption,
  type WaitOptions,
} from './options.js'
import { runApart } from './uncaught.js'

/** The waits between attempts, in milliseconds. */
export interface BackOff {
  /** The upper limit of the first wait. Each further wait doubles it. 1 to 3,600,000. Default 20. */
  minMs?: number | undefined
  /** The upper limit of all waits. From `minMs` to 3,600,000. Default 2,000. */
  maxMs?: number | undefined
}

export interface KeepConnectedOptions extends ChannelOptions {
  /** For each attempt; see `connect`. Default 10,000. */
  timeoutMs?: number | undefined
  backOff?: BackOff | undefined
}

/** The reason why there is no channel, and the time of the next attempt. */
export interface Retry {
  /** The error that ended the last channel or attempt; undefined after a `close` of the channel. */
  readonly error: Error | undefined
  /** Counts from 1. Starts again after a channel that lasted longer than `backOff.maxMs`. */
  readonly attempt: number
  readonly delayMs: number
}

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface ConnectorEvents<Incoming = any, Outgoing = any> {
  /** The connector has connected. The channel is new: it shares no state with the one before. */
  channel: [channel: Channel<Incoming, Outgoing>]
  /** The channel has ended or an attempt has failed. Another attempt follows. */
  retry: [retry: Retry]
  /** No further attempt follows. With an error, unless `close` or `destroy` was called. Always the last event, once. */
  close: [error: Error | undefined]
}

const DELAY_MS_MAX = 3_600_000

interface Bounds {
  readonly minMs: number
  readonly maxMs: number
}

const CONNECTOR_OPTION_NAMES = [...OPTION_NAMES.filter((name) => name !== 'signal'), 'backOff']

/**
 * Connects, and connects again whenever the channel ends, until it is closed. The waits between attempts grow and are random, so that the
 * clients of a restarted server do not connect all at once (M. Brooker, "Exponential Backoff And Jitter", 2015: full jitter).
 *
 * @param address as for `connect`
 * @throws `INVALID_ARGUMENT`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function keepConnected<Incoming = any, Outgoing = any>(
  address: string,
  options: KeepConnectedOptions = {},
): Connector<Incoming, Outgoing> {
  if (typeof options === 'object' && options !== null && 'signal' in options)
    throw misuse('keepConnected does not take the option "signal"; call close() or destroy() to end it')
  checkOptionNames(options, CONNECTOR_OPTION_NAMES)
  const { backOff, ...channelOptions } = options
  const target = parseAddress(address)
  if (target.kind === 'stdio') throw misuse("'stdio:' can be connected once only; use connect")
  checkConnectAddress(target, resolveOptions(channelOptions))
  const open: OpenOne = (signal, onClosed, attempt) =>
    connectChannel(address, { ...channelOptions, signal }, onClosed, attempt)
  return new Connector(address, open, backOffOption(backOff))
}

/** Opens one channel. `onClosed` runs when it has ended. Rejects with an error that is not in `PASSING_CODES` if no further attempt may follow. */
export type OpenOne = (
  signal: AbortSignal,
  onClosed: (error: Error | undefined) => void,
  /** From 1, since the last channel. */
  attempt: number,
) => Promise<Channel>

/** A connector over channels that the program opens itself, for src/service. */
export function keepOpen(open: OpenOne): Connector {
  return new Connector('', open, backOffOption())
}

/** Keeps one connection to an address. It keeps the process alive until it is closed, or `unref()` is called. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class Connector<Incoming = any, Outgoing = any>
  extends EventEmitter<ConnectorEvents<Incoming, Outgoing>>
  implements AsyncDisposable
{
  readonly address: string
  readonly #open: OpenOne
  readonly #backOff: Bounds
  readonly #stopping = newAbortController()
  readonly #over: Promise<void>
  #channel: Channel<Incoming, Outgoing> | undefined
  #timer: NodeJS.Timeout | undefined
  #referenced = true
  #attempt = 0
  /** Since the last channel. */
  #failures = 0

  /** Only `keepConnected` creates connectors. */
  constructor(address: string, open: OpenOne, backOff: Bounds) {
    super()
    this.address = address
    this.#open = open
    this.#backOff = backOff
    this.#over = this.#run()
  }

  /** The open channel, if there is one. */
  get channel(): Channel<Incoming, Outgoing> | undefined {
    return this.#channel
  }

  /** Ends the attempts and closes the channel. Resolves and rejects like `Channel.close`. */
  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    const channel = this.#channel
    this.#stopping.abort()
    try {
      await channel?.close(bounds)
    } finally {
      // A request handler that waits for this call must not wait for its own channel; see `Channel.close`.
      if (this.#channel === undefined) await this.#over
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends the attempts and destroys the channel; see `Channel.destroy`. */
  destroy(error?: Error): void {
    this.#stopping.abort()
    this.#channel?.destroy(error)
  }

  /** The connector keeps the process alive, which is the default. */
  ref(): this {
    this.#referenced = true
    this.#channel?.ref()
    this.#timer?.ref()
    return this
  }

  /** The process may end, except during an attempt. */
  unref(): this {
    this.#referenced = false
    this.#channel?.unref()
    this.#timer?.unref()
    return this
  }

  async #run(): Promise<void> {
    let failure: Error | undefined
    try {
      await this.#connectUntilStopped()
    } catch (error) {
      if (!this.#stopping.signal.aborted) failure = error as Error
    }
    // In a separate turn, like 'retry', so that an error of a listener is an uncaught exception.
    nextTick(() => {
      notifyLateListeners(this, 'close', failure)
      this.emit('close', failure)
    })
  }

  async #connectUntilStopped(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const error = await this.#connectOnce()
      if (signal.aborted) return
      this.#attempt += 1
      await this.#wait(error)
    }
  }

  /** Resolves to the error that ended the channel or the attempt. Rejects if further attempts would fail the same way. */
  async #connectOnce(): Promise<Error | undefined> {
    let channel: Channel
    let end!: (error: Error | undefined) => void
    // The 'close' event can be missing here, because a listener of the user can throw.
    const over = new Promise<Error | undefined>((resolve) => {
      end = (error) => {
        this.#channel = undefined
        resolve(error)
      }
    })
    try {
      channel = await this.#open(this.#stopping.signal, end, this.#failures + 1)
      this.#failures = 0
    } catch (error) {
      this.#failures += 1
      if (error instanceof ShmwireError && PASSING_CODES.has(error.code)) return error
      throw error
    }
    const beginMs = nowMs()
    this.#channel = channel
    if (!this.#referenced) channel.unref()
    // A stop during the attempt did not find the channel.
    if (this.#stopping.signal.aborted) channel.destroy()
    // In the same turn, because the first record can arrive in the next one and needs a handler.
    else runApart(() => this.emit('channel', channel))
    const error = await over
    if (nowMs() - beginMs > this.#backOff.maxMs) this.#attempt = 0
    return error
  }

  #wait(error: Error | undefined): Promise<void> {
    const { minMs, maxMs } = this.#backOff
    const attempt = this.#attempt
    const delayMs = backOffMs(attempt, minMs, maxMs)
    nextTick(() => this.emit('retry', { error, attempt, delayMs }))
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

/** A string or a bigint also passes a comparison with numbers, and fails only in a calculation. */
function isWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max
}
