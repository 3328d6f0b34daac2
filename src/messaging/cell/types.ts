import type { EventEmitter } from 'node:events'
import type { Codec, CodecName } from '../../codec/codec.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import type { WaitOptions } from '../../options.js'
import type { MessageTransport, ServedOptions } from '../types.js'

/** The options of `createCell`. */
export interface CellOptions extends ServedOptions, WaitOptions {
  /** Default `'msgpack'`. */
  codec?: CodecName | Codec | undefined
  /** The longest encoded value: 1 byte to 64 MiB. The cell takes four times as much memory, rounded up to a power of two. Default 64 KiB. */
  maxValueBytes?: number | undefined
  engine?: CellEngine | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of the value
export interface Cell<Value = any> extends AsyncDisposable {
  readonly address: string
  /** A random id of this writer. */
  readonly epoch: string
  /** Counts the values of this epoch, from 1. */
  readonly version: number
  /** Returns the value that was set last. */
  get(): Value
  /**
   * Resolves when every `get` that begins later returns this value or a newer one: at once if all watchers read shared memory. Other watchers
   * acknowledge it; one that does not for 5 seconds is disconnected. Rejects with `CODEC`, `MESSAGE_TOO_LARGE`, `CLOSED`.
   */
  set(value: Value): Promise<void>
  close(options?: WaitOptions): Promise<void>
}

export interface WatchOptions extends WaitOptions {
  name?: string | undefined
  codec?: CodecName | Codec | undefined
  engine?: CellEngine | undefined
  channel?: KeepConnectedOptions | undefined
}

export interface ValueInfo {
  readonly epoch: string
  readonly version: number
  /** It is the first value that the watch delivers: the one that was current then. */
  readonly initial: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of the value
export interface CellWatchEvents<Value = any> {
  value: [value: Value, info: ValueInfo]
  /** The writer has died or closed. The value stays readable. */
  stale: []
  /** Once, last. */
  close: [error: Error | undefined]
}

/** Yields the current value, and then newer ones. It follows a new writer. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of the value
export interface CellWatch<Value = any>
  extends EventEmitter<CellWatchEvents<Value>>,
    AsyncIterable<Value>,
    AsyncDisposable {
  readonly epoch: string
  readonly version: number
  /** There is no writer now. */
  readonly stale: boolean
  readonly transport: MessageTransport
  readonly fallbackReason: string | undefined
  /** Returns the value at this time. Without a system call over shared memory. Returns the same object until the value changes. */
  get(): Value
  entries(): AsyncIterableIterator<[value: Value, info: ValueInfo]>
  close(options?: WaitOptions): Promise<void>
}

/** Carries cells beyond this machine; see Engine. */
export interface CellEngine {
  createCell<Value>(name: string, initial: Value, options: CellOptions): Promise<Cell<Value>>
  watch<Value>(name: string, options: WatchOptions): Promise<CellWatch<Value>>
}
