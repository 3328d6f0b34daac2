/** The value of a cell, as the writer's process keeps it: native-cell.ts is in shared memory, `PlainCell` is not. */
import type { NativeHandoverSocket } from '../../native/binding.js'

export interface CellStore {
  /** Counts the values, from 1. */
  readonly version: number
  /** Stores a copy of the value. Returns its version. The caller has checked the length. */
  set(value: Uint8Array): number
  /** A copy of the newest value that never changes. */
  read(): Uint8Array
  /** Attaches a reader of another process; see NativeAttachedReaders. Throws errors of the addon. */
  accept(socket: NativeHandoverSocket, token: Uint8Array): number
  /** No effect for an index that is free. */
  detach(reader: number): void
  /** Readers keep the last value. Idempotent. */
  close(): void
}

/** The value of a cell without shared memory. */
export class PlainCell implements CellStore {
  version = 0
  #value: Uint8Array = new Uint8Array(0)

  set(value: Uint8Array): number {
    this.#value = Uint8Array.from(value)
    this.version += 1
    return this.version
  }

  read(): Uint8Array {
    return this.#value
  }

  accept(): number {
    throw new TypeError('a cell without shared memory has no readers of it')
  }

  detach(): void {}

  close(): void {}
}
