import { randomBytes } from 'node:crypto'
import type { Codec, CodecName } from '../../codec/codec.js'
import { listen, Server, type ServerMemory, serverMemory } from '../../listen.js'
import { yieldTurn } from '../../next-turn.js'
import type { CellFigures } from '../../observe/figures.js'
import { register } from '../../observe/registry.js'
import { checkOptionNames, checkWaitOptions, integer, invalid, type WaitOptions } from '../../options.js'
import type { Contract } from '../../service/contract/contract.js'
import type { Handlers } from '../../service/contract/contract-types.js'
import { type RunningService, serve } from '../../service/serve.js'
import { bytesContract } from '../bytes-contract.js'
import { MessageCodec } from '../message-codec.js'
import { serviceName } from '../service-name.js'
import { CellService, closedCell } from './cell-service.js'
import { type CellStore, PlainCell } from './cell-store.js'
import { cellBinding, NativeCell } from './native-cell.js'
import type { Cell, CellOptions } from './types.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'policy',
  'identify',
  'channel',
  'codec',
  'maxValueBytes',
  'engine',
  'signal',
  'timeoutMs',
] satisfies (keyof CellOptions)[]
const VALUE_BYTES_DEFAULT = 64 * 1024
const VALUE_BYTES_MAX = 64 * 1024 * 1024
/** Watchers get the last version within this time when a cell closes, unless `close` has another one. */
const CLOSE_TIMEOUT_MS = 10_000
const EPOCH_BYTES = 12

/** The methods of a cell, for policies. */
export const CELL_METHODS = { watch: 'bidi' } as const

/** Resolved promises need no memory of their own. */
const DONE = Promise.resolve()

/**
 * Creates a cell: a value that this process sets, and any number of processes read. Resolves when they can watch it.
 *
 * @param target an address, as for `listen`, or a server, which can have several cells with different names
 * @param initial the first value
 * @throws `INVALID_ARGUMENT`, `CODEC`, `MESSAGE_TOO_LARGE`, `OUT_OF_MEMORY`, and the errors of `listen` for an address
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of the value
export async function createCell<Value = any>(
  target: string | Server,
  initial: Value,
  options: CellOptions = {},
): Promise<Cell<Value>> {
  checkOptionNames(options, OPTION_NAMES)
  const { engine } = options
  if (engine !== undefined) {
    if (typeof target !== 'string') throw invalid('target', target, 'the name of a cell of the engine')
    return engine.createCell<Value>(target, initial, options)
  }
  const { maxValueBytes: bytes = VALUE_BYTES_DEFAULT, codec } = options
  const maxValueBytes = integer('maxValueBytes', bytes, 1, VALUE_BYTES_MAX)
  const { signal, timeoutMs } = checkWaitOptions(options, OPTION_NAMES)
  const contract = bytesContract(serviceName('cell', options.name), CELL_METHODS)
  if (target instanceof Server && options.channel !== undefined)
    throw invalid('channel', options.channel, 'left out: the target is a server, which has these options')
  if (typeof target !== 'string' && !(target instanceof Server))
    throw invalid('target', target, 'an address or a Server')
  const own =
    typeof target === 'string' ? await listen(target, { ...options.channel, signal, timeoutMs }) : undefined
  const server = own ?? (target as Server)
  let cell: LocalCell<Value> | undefined
  try {
    cell = new LocalCell<Value>(server, own, initial, { codec, maxValueBytes, name: options.name ?? '' })
    const { policy, identify } = options
    cell.running = await serve(server, cell.handlers(), {
      contract,
      policy,
      identify,
      validateOutput: false,
    })
    cell.observe()
    return cell
  } catch (error) {
    await cell?.close()
    await own?.close()
    throw error
  }
}

interface CellSettings {
  readonly codec: CodecName | Codec | undefined
  readonly maxValueBytes: number
  readonly name: string
}

/** A cell of this process. */
class LocalCell<Value> implements Cell<Value> {
  readonly epoch = randomBytes(EPOCH_BYTES).toString('hex')
  running: RunningService | undefined
  readonly #server: Server
  /** The server, if the cell listens itself. */
  readonly #own: Server | undefined
  readonly #codec: MessageCodec
  readonly #store: CellStore
  readonly #service: CellService
  #value: Value
  readonly #name: string
  #unregister = (): void => {}
  #closing: Promise<void> | undefined

  /** Throws `INVALID_ARGUMENT`, `CODEC`, `MESSAGE_TOO_LARGE`, `OUT_OF_MEMORY`. */
  constructor(
    server: Server,
    own: Server | undefined,
    initial: Value,
    { codec, maxValueBytes, name }: CellSettings,
  ) {
    this.#name = name
    this.#server = server
    this.#own = own
    this.#codec = new MessageCodec(codec, maxValueBytes, 'raise the maxValueBytes of the cell')
    this.#value = initial
    const encoded = this.#codec.encode(initial)
    const { store, obstacle } = storeOf(serverMemory(server), maxValueBytes)
    store.set(encoded)
    this.#store = store
    this.#service = new CellService({
      epoch: this.epoch,
      codec: this.#codec,
      store,
      obstacle,
      memory: () => serverMemory(server),
    })
  }

  /** Lists the cell in snapshots until it closes. */
  observe(): void {
    this.#unregister = register('cells', this, (cell) => cell.#figures())
  }

  #figures(): CellFigures {
    const { address, version } = this
    return { address, name: this.#name, version, watchers: this.#service.watchers }
  }

  handlers(): Handlers<Contract> {
    return this.#service.handlers()
  }

  get address(): string {
    return this.#server.address
  }

  get version(): number {
    return this.#store.version
  }

  get(): Value {
    return this.#value
  }

  set(value: Value): Promise<void> {
    try {
      if (this.#closing !== undefined) throw closedCell()
      const encoded = this.#codec.encode(value)
      this.#store.set(encoded)
      this.#value = value
      return this.#service.changed() ?? yieldTurn(encoded.length) ?? DONE
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the caller gets the same value
      return Promise.reject(error)
    }
  }

  async close(options: WaitOptions = {}): Promise<void> {
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
    this.#closing ??= this.#close({ signal, timeoutMs })
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(bounds: WaitOptions): Promise<void> {
    this.#unregister()
    try {
      await this.#service.close(bounds)
    } finally {
      await this.running?.close()
      await this.#own?.close(bounds)
    }
  }
}

/** Shared memory if the server's clients can have some. */
function storeOf(
  { native, obstacle }: ServerMemory,
  maxValueBytes: number,
): { readonly store: CellStore; readonly obstacle: string | undefined } {
  if (obstacle !== undefined || !('binding' in native)) return { store: new PlainCell(), obstacle }
  const binding = cellBinding(native.binding)
  if (binding !== undefined) return { store: new NativeCell(binding, maxValueBytes), obstacle: undefined }
  return { store: new PlainCell(), obstacle: 'cells have no shared memory on this system' }
}
