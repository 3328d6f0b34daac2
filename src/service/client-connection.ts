import type { EventEmitter } from 'node:events'
import { onceAborted } from '../abort-waits.js'
import { Channel } from '../channel/channel.js'
import { waitWithin } from '../deadline.js'
import { ErrorCode, replaceExecuted, ShmwireError } from '../errors.js'
import { clearTimeout, setTimeout } from '../host.js'
import {
  type Connector,
  type ConnectorEvents,
  type KeepConnectedOptions,
  keepConnected,
  keepOpen,
} from '../keep-connected.js'
import { checkWaitOptions, invalid, misuse, TIMEOUT_MS_MAX, type WaitOptions } from '../options.js'
import { textOfThrown } from '../uncaught.js'
import { ChannelCalls } from './call/channel-calls.js'
import type { CallBounds } from './call/outgoing-call.js'
import type { CallCarrier, CallerConnection } from './call-carrier.js'
import { ChannelCarrier } from './channel-carrier.js'
import { attachPooled, closeConnector, PooledAddress } from './channel-pool.js'

/**
 * An address, as for `connect`; a channel; an address of a `channelPool`; or a function that opens a channel, which is called again whenever it has
 * ended.
 */
export type ClientTarget = string | Channel | PooledAddress | (() => Promise<Channel>)

export function isClientTarget(target: unknown): target is ClientTarget {
  return (
    typeof target === 'string' ||
    typeof target === 'function' ||
    target instanceof Channel ||
    target instanceof PooledAddress
  )
}

/** The address that the program has passed, also that of a pool. Undefined: a channel, or a function that opens one. */
export function addressOf(target: ClientTarget): string | undefined {
  if (target instanceof PooledAddress) return target.address
  return typeof target === 'string' ? target : undefined
}

/** The parts of a connector that a client uses; clients of a pool share one. */
type ClientConnector = EventEmitter<ConnectorEvents> &
  Pick<Connector, 'close' | 'channel'> & { ref(): unknown; unref(): unknown }

interface Waiter {
  readonly resolve: (calls: CallCarrier) => void
  readonly reject: (error: Error) => void
}

/** The connection of a client: one channel at a time, and a new one whenever it has ended. */
export class ClientConnection implements CallerConnection {
  readonly address: string | undefined
  /** Undefined: the channel belongs to the program, and no other follows it. */
  readonly #connector: ClientConnector | undefined
  #channel: Channel | undefined
  #calls: CallCarrier | undefined
  #waiters = new Set<Waiter>()
  /** No further channel follows. */
  #end: { readonly error: Error | undefined } | undefined

  /** Connects at once. Throws `INVALID_ARGUMENT`. */
  constructor(target: ClientTarget, options: KeepConnectedOptions | undefined) {
    this.address = addressOf(target)
    if (typeof target === 'string') this.#connector = keepConnected(target, options)
    else if (options !== undefined)
      throw misuse('the option channel is only for a client that connects itself')
    else if (typeof target === 'function') this.#connector = keepOpen(opening(target))
    else if (target instanceof PooledAddress) this.#connector = attachPooled(target)
    else if (target instanceof Channel) this.#use(target)
    else throw invalid('target', target, 'an address, a Channel or a function that returns one')
    const shared = this.#connector?.channel
    if (shared !== undefined) this.#use(shared)
    this.#connector?.on('channel', (channel) => this.#use(channel))
    this.#connector?.on('close', (error) => {
      if (this.#end === undefined) this.#over(error)
    })
  }

  /** The open channel, if there is one. */
  get channel(): Channel | undefined {
    return this.#channel?.open === true ? this.#channel : undefined
  }

  /** The calls of the open channel, if there is one. */
  get calls(): CallCarrier | undefined {
    return this.#channel?.open === true ? this.#calls : undefined
  }

  /** Calls `listener` with whether there is a channel, when this can have changed. */
  onChange(listener: (connected: boolean) => void): void {
    const changed = (): void => listener(this.channel !== undefined)
    // A channel of the program is shared by any number of clients, so it gets no listener of each.
    this.#connector?.on('channel', changed)
    this.#connector?.on('retry', changed)
    this.#connector?.on('close', changed)
  }

  /** Resolves after the first attempt to connect, whether there is a server or not. Rejects if no server can follow. */
  async attempted(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.first(false, signal)
    } catch (error) {
      if (this.#connector === undefined || this.#end !== undefined || signal?.aborted === true) throw error
    }
  }

  /** Resolves when there is a channel, or rejects with the reason why there is none. Without `untilConnected`, after the first attempt. */
  first(untilConnected: boolean, signal: AbortSignal | undefined): Promise<CallCarrier> {
    const connector = this.#connector
    const ready = this.ready({
      timeoutMs: Number.POSITIVE_INFINITY,
      signals: signal === undefined ? [] : [signal],
    })
    if (untilConnected || connector === undefined) return ready
    return Promise.race([
      ready,
      new Promise<never>((_resolve, reject) => {
        connector.once('retry', ({ error }) => {
          if (this.calls === undefined) reject(error ?? absent())
        })
      }),
    ])
  }

  /** Resolves when there is a channel. Rejects with `TIMEOUT`, `ABORTED`, or the reason why no channel follows. */
  ready({ timeoutMs, signals }: CallBounds): Promise<CallCarrier> {
    const { calls } = this
    if (calls !== undefined) return Promise.resolve(calls)
    if (this.#end !== undefined || this.#connector === undefined) return Promise.reject(this.absence())
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiters.delete(waiter)
        clearTimeout(timer)
        for (const stopListening of listening) stopListening()
      }
      const waiter: Waiter = {
        resolve: (found) => {
          stop()
          resolve(found)
        },
        reject: (error) => {
          stop()
          reject(error)
        },
      }
      const late = (): void =>
        waiter.reject(
          new ShmwireError(ErrorCode.TIMEOUT, 'no server answered within timeoutMs', { executed: 'no' }),
        )
      const timer = timeoutMs > TIMEOUT_MS_MAX ? undefined : setTimeout(late, Math.ceil(timeoutMs))
      const listening = signals.map((signal) => onceAborted(signal, () => waiter.reject(aborted(signal))))
      this.#waiters.add(waiter)
      const fired = signals.find((signal) => signal.aborted)
      if (fired !== undefined) waiter.reject(aborted(fired))
    })
  }

  /** The error of a call that finds no channel. */
  absence(): Error {
    if (this.#end === undefined) return absent()
    const { error } = this.#end
    if (error === undefined) return closed()
    // Another attempt would fail the same way, for example with VERSION or DENIED.
    return error instanceof ShmwireError ? replaceExecuted(error, 'no') : error
  }

  /** Closes the channel, unless it belongs to the program. */
  async close(options: WaitOptions | undefined): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#over(undefined)
    await closeConnector(this.#connector, bounds)
  }

  ref(): void {
    this.#connector?.ref()
  }

  unref(): void {
    this.#connector?.unref()
  }

  #use(channel: Channel): void {
    this.#channel = channel
    this.#calls = new ChannelCarrier(ChannelCalls.of(channel).outgoing)
    for (const { resolve } of this.#waiters) resolve(this.#calls)
  }

  #over(error: Error | undefined): void {
    this.#end = { error }
    this.#channel = undefined
    const absence = this.absence()
    for (const { reject } of this.#waiters) reject(absence)
  }
}

/** The function is code of the program, and a network can fail in other ways than a local connection: another attempt may succeed. */
function opening(open: () => Promise<Channel>): Parameters<typeof keepOpen>[0] {
  return async (signal, onClosed) => {
    let channel: Channel
    try {
      channel = await openWithin(signal, open)
    } catch (cause) {
      if (cause instanceof ShmwireError) throw cause
      throw new ShmwireError(ErrorCode.UNAVAILABLE, `the channel cannot be opened: ${textOfThrown(cause)}`, {
        cause,
      })
    }
    if (!(channel instanceof Channel)) throw invalid('the result of the target', channel, 'a Channel')
    channel.once('close', onClosed)
    return channel
  }
}

/** The program may close the client while its function has not finished. */
function openWithin(signal: AbortSignal, open: () => Promise<Channel>): Promise<Channel> {
  return waitWithin({ signal }, 'the opening of the channel', (resolve, reject) => {
    let isLate = false
    const opened = (channel: Channel): void => {
      if (isLate && channel instanceof Channel) channel.destroy()
      resolve(channel)
    }
    void new Promise<Channel>((done) => {
      done(open())
    }).then(opened, reject)
    return () => {
      isLate = true
    }
  })
}

function absent(): ShmwireError {
  return new ShmwireError(ErrorCode.UNAVAILABLE, 'the server is not there; call again later', {
    executed: 'no',
  })
}

function closed(): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the client is closed', { executed: 'no' })
}

function aborted(signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, 'the wait for the server was aborted', {
    cause: signal.reason,
    executed: 'no',
  })
}
