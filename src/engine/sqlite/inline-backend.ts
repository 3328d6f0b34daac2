import { ErrorCode, ShmwireError } from '../../errors.js'
import { setImmediate } from '../../host.js'
import { loadDriver } from './driver.js'
import type { StoreBackend, StorePlace } from './store-backend.js'
import { StoreFile } from './store-file.js'

/** A store in this thread, which each commit blocks until the disk has the changes. */
export class InlineBackend implements StoreBackend {
  readonly #place: StorePlace
  #file: StoreFile | undefined

  constructor(place: StorePlace) {
    this.#place = place
  }

  async load(onPart: (part: Uint8Array<ArrayBuffer>) => void): Promise<void> {
    this.#file = StoreFile.open(await loadDriver(), this.#place)
    for (const part of this.#file.load()) onPart(part)
  }

  // oxlint-disable-next-line require-await -- errors reject
  async commit(batch: Uint8Array): Promise<void> {
    const file = this.#file
    if (file === undefined)
      throw new ShmwireError(ErrorCode.INVALID_STATE, 'the store is not loaded; call load first')
    file.commit(batch)
    // First the caller gets its answer.
    setImmediate(() => this.#file?.tidy())
  }

  // oxlint-disable-next-line require-await -- errors reject
  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    file?.close()
  }
}
