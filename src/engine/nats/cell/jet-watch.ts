import { EventEmitter } from 'node:events'
import { ErrorCode, ShmwireError } from '../../../errors.js'
import type { CellWatch, CellWatchEvents, ValueInfo, WatchOptions } from '../../../messaging/cell/types.js'
import { MessageCodec } from '../../../messaging/message-codec.js'
import { PulledDelivery } from '../../../messaging/pulled-delivery.js'
import { checkWaitOptions, type WaitOptions } from '../../../options.js'
import { runApart } from '../../../uncaught.js'
import type { EngineConnection } from '../connection.js'
import { assertEngineOptions } from '../engine-options.js'
import { within } from '../within.js'
import { lastValueSequence, whatOfCell } from './cell-bucket.js'
import { type ValueItem, ValueSource } from './value-source.js'
import { WriterWatch } from './writer-watch.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'engine',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof WatchOptions)[]

/** Rejects with `NOT_LISTENING` if the cell has never had a value, with `INVALID_ARGUMENT`, and with the faults of the servers. */
export function watchJetCell<Value>(
  connection: EngineConnection,
  name: string,
  options: WatchOptions,
): Promise<CellWatch<Value>> {
  checkWaitOptions(options, OPTION_NAMES)
  assertEngineOptions(options)
  const codec = new MessageCodec(options.codec, Number.POSITIVE_INFINITY, '')
  return within(options, `watching ${whatOfCell(name)}`, async () => {
    if ((await findValue(connection, name)) === 0)
      throw new ShmwireError(
        ErrorCode.NOT_LISTENING,
        `there is no cell ${JSON.stringify(name)}; create it with createCell`,
      )
    const watch = new JetWatch<Value>(connection, name, codec)
    await watch.start()
    return watch
  })
}

async function findValue(connection: EngineConnection, name: string): Promise<number> {
  try {
    return await lastValueSequence(connection, name)
  } catch (error) {
    // There is no bucket.
    if (error instanceof ShmwireError && error.code === ErrorCode.NOT_LISTENING) return 0
    throw error
  }
}

class JetWatch<Value> extends EventEmitter<CellWatchEvents<Value>> implements CellWatch<Value> {
  readonly transport = 'nats'
  readonly fallbackReason = undefined
  readonly #source: ValueSource
  readonly #writer: WriterWatch
  readonly #delivery: PulledDelivery<ValueItem>
  #isStale = false

  constructor(connection: EngineConnection, name: string, codec: MessageCodec) {
    super()
    this.#writer = new WriterWatch(connection, name, () => this.#checkWriter())
    this.#source = new ValueSource({
      connection,
      name,
      codec,
      onValue: ({ epoch }) => this.#writer.seen(epoch),
      onReady: () => this.#delivery.ready(),
      onEnding: (error) => this.#delivery.ending(error),
    })
    const emit = ([value, info]: ValueItem): boolean => this.emit('value', value as Value, info)
    this.#delivery = new PulledDelivery<ValueItem>(this, 'value', this.#source, emit, () => this.#stop())
  }

  async start(): Promise<void> {
    try {
      await this.#source.start()
      await this.#writer.start()
    } catch (error) {
      this.#stop()
      throw error
    }
  }

  get epoch(): string {
    return this.#source.head.epoch
  }

  get version(): number {
    return this.#source.head.version
  }

  get stale(): boolean {
    return this.#isStale
  }

  get(): Value {
    return this.#source.get() as Value
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Value, undefined> {
    return this.#delivery.iterate(([value]) => value as Value)
  }

  entries(): AsyncIterableIterator<[value: Value, info: ValueInfo], undefined> {
    return this.#delivery.iterate(([value, info]) => [value as Value, info])
  }

  async close(options?: WaitOptions): Promise<void> {
    checkWaitOptions(options)
    this.#delivery.finish(undefined)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #stop(): void {
    this.#source.close()
    this.#writer.stop()
  }

  #checkWriter(): void {
    const isStale = !this.#writer.isAlive
    if (isStale === this.#isStale || this.#delivery.over) return
    this.#isStale = isStale
    if (isStale) runApart(() => this.emit('stale'))
  }
}
