import { setImmediate } from '../../host.js'
import { listenToDoorbell, type OpenDoorbell } from '../../link/shm/listen-to-doorbell.js'
import { poller } from '../../link/shm/poller.js'
import type { NativeCellReader } from '../../native/messaging-binding.js'
import { toShmwireError } from '../../native/native-error.js'
import type { CellBinding } from './native-cell.js'
import { type EncodedValue, readCell } from './read-cell.js'
import type { ValueEvents, ValueSource } from './value-source.js'

/** Reads the value of a cell in shared memory. Between values it sleeps: a cell does not change so often that polling would pay. */
export class MemorySource implements ValueSource {
  readonly #binding: CellBinding
  readonly #reader: NativeCellReader
  readonly #events: ValueEvents
  readonly #doorbell: OpenDoorbell
  #state: 'resting' | 'scheduled' | 'sleeping' | 'closed' = 'resting'
  /** Of the last value. */
  #bytes = 0

  /** Owns the reader, which is attached. Throws errors of the addon; then the caller still owns the reader. */
  constructor(binding: CellBinding, reader: NativeCellReader, events: ValueEvents) {
    this.#binding = binding
    this.#reader = reader
    this.#events = events
    this.#doorbell = poller.run(() =>
      listenToDoorbell(
        binding,
        reader.transferDoorbell(),
        () => this.#woken(),
        (error) => events.onEnd(toShmwireError(error, 'the doorbell of the watch has failed')),
      ),
    )
  }

  readNewer(after: number): EncodedValue | undefined {
    if (this.#state === 'closed' || this.#version() <= after) return undefined
    const value = readCell(this.#binding, this.#reader, this.#bytes)
    this.#bytes = value.bytes.length
    return value
  }

  request(after: number): void {
    if (this.#state !== 'resting') return
    // The arming comes before the last check, so that no version between the two is missed.
    if (!this.#arm()) this.#state = 'sleeping'
    // Armed or not, the memory can be closed. Then no version follows, and the stream ends.
    else if (this.#version() > after) this.#readyLater()
  }

  release(): void {
    if (this.#state === 'sleeping') this.#reader.disarm()
    if (this.#state !== 'closed') this.#state = 'resting'
  }

  close(): void {
    if (this.#state === 'closed') return
    this.release()
    this.#state = 'closed'
    this.#doorbell.destroy()
    this.#reader.close()
  }

  #readyLater(): void {
    this.#state = 'scheduled'
    setImmediate(() => {
      if (this.#state !== 'scheduled') return
      this.#state = 'resting'
      this.#events.onReady()
    })
  }

  #woken(): void {
    if (this.#state !== 'sleeping') return
    this.#reader.disarm()
    this.#state = 'resting'
    this.#events.onReady()
  }

  /** True: there is something to read already. */
  #arm(): boolean {
    try {
      return this.#reader.arm()
    } catch (error) {
      throw toShmwireError(error, 'the memory of the cell cannot be read')
    }
  }

  #version(): number {
    try {
      return this.#reader.version()
    } catch (error) {
      throw toShmwireError(error, 'the memory of the cell cannot be read')
    }
  }
}
