import { afterEach, expect } from 'vitest'
import type { KeepConnectedOptions } from '../../../src/keep-connected.js'
import type { ListenOptions, Server } from '../../../src/listen.js'
import { createCell } from '../../../src/messaging/cell/create-cell.js'
import type {
  Cell,
  CellOptions,
  CellWatch,
  ValueInfo,
  WatchOptions,
} from '../../../src/messaging/cell/types.js'
import { watch } from '../../../src/messaging/cell/watch.js'
import type { Transport } from '../../../src/transport.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'

/** A directory for the sockets of this file. */
export function useOwnDirectory(): void {
  ownRuntimeDirectory()
}

/** A way to reach cells. */
export interface CellFixture {
  readonly name: string
  /** That of a watch. */
  readonly transport: Transport
  readonly address: () => string
  readonly server?: ListenOptions
  readonly client?: KeepConnectedOptions
}

let count = 0

/** An address that no other test has. */
export function newName(): string {
  count += 1
  return `cell-${process.pid}-${count}`
}

/** Cells and watches of one test, which are closed after it. */
export class CellWorld {
  readonly #fixture: CellFixture
  readonly #open: AsyncDisposable[] = []

  constructor(fixture: CellFixture) {
    this.#fixture = fixture
    afterEach(() => this.close())
  }

  /** Watches first: a server that closes waits for its calls. */
  async close(): Promise<void> {
    for (const each of this.#open.splice(0).toReversed()) await each[Symbol.asyncDispose]()
  }

  /** `target`: an address, or a server that has the options of the fixture already. */
  async cell(initial: unknown, options: CellOptions = {}, target?: Server | string): Promise<Cell> {
    const { address, server } = this.#fixture
    const cell =
      target === undefined || typeof target === 'string'
        ? await createCell(target ?? address(), initial, { channel: server, ...options })
        : await createCell(target, initial, options)
    this.#open.push(cell)
    return cell
  }

  async watch(cell: Pick<Cell, 'address'>, options: WatchOptions = {}): Promise<CellWatch> {
    const watched = await watch(cell.address, {
      channel: { backOff: { minMs: 1, maxMs: 20 }, ...this.#fixture.client },
      ...options,
    })
    this.#open.push(watched)
    expect(watched.transport).toBe(this.#fixture.transport)
    return watched
  }
}

/** The values that a loop over a watch has yielded. */
export interface CellAccount {
  readonly values: unknown[]
  readonly infos: ValueInfo[]
  /** The first violation of the guarantees. */
  fault: string | undefined
  readonly end: Promise<Error | undefined>
}

/** Takes the values of a watch, and checks that versions increase within an epoch and that only the first value is initial. */
export function account(watched: CellWatch): CellAccount {
  const values: unknown[] = []
  const infos: ValueInfo[] = []
  const result: { fault: string | undefined } = { fault: undefined }
  const read = async (): Promise<Error | undefined> => {
    try {
      for await (const [value, info] of watched.entries()) {
        const last = infos.at(-1)
        if (info.initial !== (last === undefined)) result.fault ??= `value ${infos.length} has a wrong mark`
        if (last?.epoch === info.epoch && info.version <= last.version)
          result.fault ??= `version ${info.version} after ${last.version}`
        values.push(value)
        infos.push(info)
      }
      return undefined
    } catch (error) {
      return error as Error
    }
  }
  const end = read()
  return Object.assign(result, { values, infos, end })
}
