import { EventEmitter } from 'node:events'
import { setImmediate } from '../../host.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import type { Transport } from '../../transport.js'
import { runApart } from '../../uncaught.js'
import type { MessageCodec } from '../message-codec.js'
import { PulledDelivery, type PullSource } from '../pulled-delivery.js'
import { Follower } from './follower.js'
import type { CellWatch, CellWatchEvents, ValueInfo } from './types.js'
import type { ValueSource } from './value-source.js'
import type { OpenedWatch, WatchSettings } from './watch-attempt.js'

interface CurrentValue {
  readonly value: unknown
  readonly info: ValueInfo
  readonly bytes: number
}

/** A watch that follows the writers of a cell, one after the other. */
export class FollowingWatch<Value>
  extends EventEmitter<CellWatchEvents<Value>>
  implements CellWatch<Value>, PullSource<CurrentValue>
{
  readonly #codec: MessageCodec
  readonly #follower: Follower
  readonly #delivery: PulledDelivery<CurrentValue>
  /** The last writer. */
  #opened: OpenedWatch
  /** Undefined while there is no writer. */
  #source: ValueSource | undefined
  #current: CurrentValue | undefined
  #delivered: CurrentValue | undefined
  #disconnected: Promise<void> | undefined
  end: { readonly error: Error | undefined } | undefined

  /** Throws errors of the addon, `CODEC` and `CORRUPT`; then the caller still owns the opened watch. */
  constructor(settings: WatchSettings, opened: OpenedWatch) {
    super()
    this.#codec = settings.codec
    this.#opened = opened
    this.#follower = new Follower(settings, {
      onFound: (next) => this.#follow(next),
      onFailed: (error) => this.#fail(error),
    })
    this.#source = this.#open(opened)
    try {
      this.#refresh()
    } catch (error) {
      this.#source.close()
      // The end of the conversation concerns this object no more.
      this.#source = undefined
      throw error
    }
    this.#delivery = new PulledDelivery<CurrentValue>(
      this,
      'value',
      this,
      ({ value, info }) => this.emit('value', value as Value, info),
      () => this.#closed(),
    )
  }

  get epoch(): string {
    return this.#opened.epoch
  }

  get version(): number {
    return this.#current?.info.version ?? 0
  }

  get stale(): boolean {
    return this.#source === undefined
  }

  get transport(): Transport {
    return this.#opened.transport
  }

  get fallbackReason(): string | undefined {
    return this.#opened.fallbackReason
  }

  get(): Value {
    try {
      this.#refresh()
    } catch (error) {
      this.#fail(error as Error)
      throw error
    }
    return this.#current?.value as Value
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Value, undefined> {
    return this.#delivery.iterate(({ value }) => value as Value)
  }

  entries(): AsyncIterableIterator<[value: Value, info: ValueInfo], undefined> {
    return this.#delivery.iterate(({ value, info }) => [value as Value, info])
  }

  async close(options?: WaitOptions): Promise<void> {
    checkWaitOptions(options)
    this.#disconnected ??= this.#opened.disconnect(options)
    this.#delivery.finish(undefined)
    await this.#disconnected
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // For the delivery.

  get lastBytes(): number {
    return this.#delivered?.bytes ?? 0
  }

  take(): CurrentValue | undefined {
    try {
      this.#refresh()
    } catch (error) {
      this.#fail(error as Error)
    }
    if (this.#delivered === this.#current) return undefined
    const isFirst = this.#delivered === undefined
    const current = this.#current as CurrentValue
    this.#delivered = current
    return isFirst ? { ...current, info: { ...current.info, initial: true } } : current
  }

  request(): void {
    if (this.end !== undefined || this.#delivered !== this.#current) {
      setImmediate(() => this.#delivery.ready())
      return
    }
    try {
      this.#source?.request(this.#known)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  release(): void {
    this.#source?.release()
  }

  /** The version of the present writer that `get` has returned last. */
  get #known(): number {
    const info = this.#current?.info
    return info?.epoch === this.#opened.epoch ? info.version : 0
  }

  /** Decodes the newest value unless it is known. Throws `CODEC`, `CORRUPT`, `OUT_OF_MEMORY`, `UNAVAILABLE`. */
  #refresh(): void {
    const encoded = this.#source?.readNewer(this.#known)
    if (encoded === undefined) return
    const { version, bytes } = encoded
    const value = this.#codec.decode(bytes)
    const info = { epoch: this.#opened.epoch, version, initial: false }
    this.#current = { value, info, bytes: bytes.length }
  }

  #open(opened: OpenedWatch): ValueSource {
    return opened.open({
      onReady: () => this.#delivery.ready(),
      onEnd: (error) => {
        if (this.#opened === opened) this.#writerGone(error)
      },
    })
  }

  /** The value stays as it was set last. */
  #writerGone(error: Error | undefined): void {
    const source = this.#source
    if (source === undefined) return
    try {
      this.#refresh()
    } catch (failure) {
      this.#fail(failure as Error)
      return
    }
    source.close()
    this.#source = undefined
    this.#opened.disconnect().catch(() => {})
    this.#delivery.ready()
    runApart(() => this.emit('stale'))
    this.#follower.start(error)
  }

  #follow(opened: OpenedWatch): void {
    this.#opened = opened
    try {
      this.#source = this.#open(opened)
      this.#refresh()
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#delivery.ready()
  }

  /** Ends the watch after the values that are left. */
  #fail(error: Error): void {
    if (this.end !== undefined || this.#delivery.over) return
    this.end = { error }
    this.#release()
    this.#opened.disconnect().catch(() => {})
    setImmediate(() => this.#delivery.ready())
  }

  #closed(): void {
    this.#release()
    // `close` reports the error of the disconnection.
    this.#disconnected ??= this.#opened.disconnect()
    this.#disconnected.catch(() => {})
  }

  #release(): void {
    this.#follower.stop()
    this.#source?.close()
    this.#source = undefined
  }
}
