import type { NativeBinding, NativeHandoverSocket } from '../../native/binding.js'
import type { NativeCellReader, NativeCellWriter } from '../../native/messaging-binding.js'
import { toShmwireError } from '../../native/native-error.js'
import { UnwokenReaders } from '../attach/unwoken-readers.js'
import type { CellStore } from './cell-store.js'
import { readCell } from './read-cell.js'

/** The addon, with the classes of cells. */
export type CellBinding = NativeBinding & Required<Pick<NativeBinding, 'CellWriter' | 'CellReader'>>

/** Undefined on Windows, whose addon has no cells. */
export function cellBinding(binding: NativeBinding): CellBinding | undefined {
  const { CellWriter, CellReader } = binding
  return CellWriter === undefined || CellReader === undefined ? undefined : (binding as CellBinding)
}

/** The value of a cell in shared memory. */
export class NativeCell implements CellStore {
  version = 0
  readonly #binding: CellBinding
  readonly #writer: NativeCellWriter
  /** Reads the value for watchers that have no shared memory. It has a place from the beginning: later, watchers could have all of them. */
  readonly #reader: NativeCellReader
  readonly #unwoken = new UnwokenReaders(() => {
    this.#writer.wake()
    return this.#hasUnwoken
  })

  /** Throws `OUT_OF_MEMORY`, `UNAVAILABLE`. */
  constructor(binding: CellBinding, maxValueBytes: number) {
    this.#binding = binding
    try {
      this.#writer = new binding.CellWriter({ maxValueBytes })
      this.#reader = new binding.CellReader()
      this.#reader.attachOwn(this.#writer)
    } catch (error) {
      throw toShmwireError(error, 'the cell cannot create its memory')
    }
  }

  set(value: Uint8Array): number {
    this.version = this.#writer.set(value)
    if (this.#hasUnwoken) this.#unwoken.wakeLater()
    return this.version
  }

  read(): Uint8Array {
    return readCell(this.#binding, this.#reader, 0).bytes
  }

  accept(socket: NativeHandoverSocket, token: Uint8Array): number {
    return this.#writer.accept(socket, token)
  }

  detach(reader: number): void {
    this.#writer.detach(reader)
  }

  close(): void {
    this.#unwoken.close()
    this.#reader.close()
    this.#writer.close()
  }

  get #hasUnwoken(): boolean {
    return this.#writer.results[this.#binding.WRITER_RESULT_UNWOKEN] !== 0
  }
}
