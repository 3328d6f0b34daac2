import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import { listenToDoorbell, type OpenDoorbell } from '../../link/shm/listen-to-doorbell.js'
import { type Polled, poller } from '../../link/shm/poller.js'
import { SpinBudget, type WakeTimes } from '../../link/shm/spin-budget.js'
import type { NativeBinding } from '../../native/binding.js'
import { toShmwireError } from '../../native/native-error.js'
import type { WaitMode } from '../../options.js'
import { markShared } from '../../received-memory.js'
import type { BatchSource, SourceEvents } from './batch-source.js'
import { MessageCursor } from './message-cursor.js'
import type { NativeReader } from './native-ring.js'
import { DESCRIPTOR_WORDS } from './ring.js'

/** Batches are copied into slabs of this size, one after the other. */
const SLAB_BYTES = 64 * 1024
/** A slab with less room than this is not used further. */
const ROOM_BYTES_MIN = 8 * 1024
const ALIGNMENT = 8
const NO_MEMORY = Buffer.allocUnsafeSlow(0)

/** The writer does not measure how long it takes to wake a reader. */
const NO_WAKE_TIMES: WakeTimes = { woken: () => 0, peerWakeNanos: () => 0 }

export interface ShmSourceOptions extends SourceEvents {
  readonly binding: NativeBinding
  readonly reader: NativeReader
  readonly wait: WaitMode
  readonly spinMicros: number
  /** The writer waits for room that this reader has made. */
  readonly onRoom: () => void
}

/** Reads the ring of a topic in shared memory. Polls while a consumer waits, and sleeps if no message comes for some time. */
export class ShmSource implements BatchSource, Polled {
  pollIndex = -1
  readonly cursor = new MessageCursor()
  readonly #options: ShmSourceOptions
  readonly #reader: NativeReader
  readonly #budget: SpinBudget
  readonly #doorbell: OpenDoorbell
  /** The memory for the next batch: the rest of a slab. */
  #target: Buffer = NO_MEMORY
  /** For a message that does not fit into a slab. Kept until one is received, because the writer can overtake the reader again and again. */
  #long: Buffer | undefined
  #state: 'resting' | 'polling' | 'sleeping' | 'closed' = 'resting'
  end: { readonly error: Error | undefined } | undefined

  /** Owns the reader, which is attached. Throws errors of the addon; then the caller still owns the reader. */
  constructor(options: ShmSourceOptions) {
    const { binding, reader, wait, spinMicros } = options
    this.#options = options
    this.#reader = reader
    this.#budget = new SpinBudget(NO_WAKE_TIMES, wait === 'sleep' ? 0 : spinMicros)
    const onWake = (): void => this.#woken()
    // The messages that are left can be read without it.
    const onError = (error: unknown): void =>
      this.finish(toShmwireError(error, 'the doorbell of the subscription has failed'))
    this.#doorbell = poller.run(() =>
      listenToDoorbell(binding, reader.native.transferDoorbell(), onWake, onError),
    )
  }

  read(): boolean {
    return this.#receive(0, false) > 0
  }

  request(): void {
    if (this.#state === 'closed' || this.#state === 'polling') return
    if (this.#state === 'sleeping') {
      // The consumer waits already, unless the topic has ended meanwhile.
      if (this.end === undefined) return
      this.#reader.native.disarm()
    }
    this.#state = 'polling'
    this.#budget.found()
    poller.wake(this)
  }

  release(): void {
    if (this.#state === 'closed' || this.#state === 'resting') return
    if (this.#state === 'sleeping') this.#reader.native.disarm()
    else poller.remove(this)
    this.#state = 'resting'
  }

  /** No message follows those that are in the ring now. */
  finish(error: Error | undefined): void {
    if (this.#state === 'closed' || this.end !== undefined) return
    this.end = { error }
    try {
      // A publisher that continues would never let a slow reader reach the end.
      this.#reader.native.stop()
    } catch (thrown) {
      this.#fail(thrown)
    }
    if (this.#state === 'resting') this.#options.onEnding(this.end.error)
    else this.request()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.release()
    this.#state = 'closed'
    this.cursor.clear()
    this.#target = NO_MEMORY
    this.#long = undefined
    this.#doorbell.destroy()
    this.#reader.close()
  }

  poll(spinNanos: number, yieldCpu: boolean): number {
    const isSpinning = this.#options.wait === 'spin' || this.#budget.micros > 0
    // Messages of the last batch may be left, if the listeners had no more time.
    const found = this.cursor.pending ? 1 : this.#receive(isSpinning ? spinNanos : 0, isSpinning && yieldCpu)
    if (found === 0) return 0
    this.#budget.found()
    this.#options.onReady()
    return found
  }

  rest(): boolean {
    if (this.#state !== 'polling') return true
    if (this.end !== undefined) {
      this.#options.onReady()
      // The consumer may have taken nothing in its time, and still wait.
      return this.#state !== 'polling'
    }
    if (this.#reader.closed) {
      // Nothing follows but the end of the stream, which has the error if there is one.
      this.#state = 'sleeping'
      return true
    }
    if (this.#options.wait === 'spin') return false
    const amongBusy = poller.busy && this.#options.wait !== 'sleep'
    return this.#budget.exhausted(nowMs() * 1000, amongBusy, false) && this.#sleep()
  }

  /** Returns the number of messages that the cursor has now. */
  #receive(spinNanos: number, yieldCpu: boolean): number {
    if (this.#state === 'closed') return 0
    const reader = this.#reader
    let count: number
    try {
      if (this.#target.length < ROOM_BYTES_MIN) this.#useSlab()
      count = reader.receive(this.#target, spinNanos, yieldCpu)
      // Without the number of messages: the early pause was measured with channels only.
      if (reader.preempted) this.#budget.preempted(nowMs() * 1000, 0)
      if (count === 0 && reader.requiredBytes >= 0) return this.#receiveLong(reader.requiredBytes)
    } catch (error) {
      this.#fail(error)
      return 0
    }
    if (count > 0) this.#load(this.#target, count)
    if (reader.writerWaits) this.#options.onRoom()
    return count
  }

  /** The next message does not fit into the rest of the slab. Throws errors of the addon, `OUT_OF_MEMORY`. */
  #receiveLong(bytes: number): number {
    if (bytes <= SLAB_BYTES && bytes > this.#target.length) this.#useSlab()
    let target = this.#target
    if (bytes > target.length) {
      if (this.#long === undefined || this.#long.length < bytes) this.#long = allocate(bytes)
      target = this.#long.subarray(0, bytes)
    }
    const count = this.#reader.receive(target, 0, false)
    if (count > 0) {
      this.#load(target, count)
      if (target !== this.#target) this.#long = undefined
    }
    // The writer overtook the reader, whose next message is a longer one: the next poll reads it.
    if (this.#reader.writerWaits) this.#options.onRoom()
    return count
  }

  #load(target: Buffer, count: number): void {
    const { descriptors, firstSequence, lost } = this.#reader
    this.cursor.load(target, descriptors, count, firstSequence, lost)
    if (target !== this.#target) return
    const word = (count - 1) * DESCRIPTOR_WORDS
    let end = 0
    for (let part = 0; part < DESCRIPTOR_WORDS; part += 1) end += descriptors[word + part] as number
    this.#target = target.subarray(Math.min(target.length, Math.ceil(end / ALIGNMENT) * ALIGNMENT))
  }

  #useSlab(): void {
    this.#target = allocate(SLAB_BYTES)
    // The messages of a slab share its memory.
    markShared(this.#target.buffer)
  }

  /** Arms the wake word. False: there is something to read already. */
  #sleep(): boolean {
    try {
      if (this.#reader.native.arm()) return false
    } catch (error) {
      // The next rest reports the end.
      this.#fail(error)
      return false
    }
    this.#state = 'sleeping'
    if (this.#options.wait !== 'sleep') this.#budget.waits(nowMs() * 1000)
    return true
  }

  /** The publisher has woken this side. */
  #woken(): void {
    if (this.#state !== 'sleeping') return
    const nowMicros = nowMs() * 1000
    this.#budget.woken(nowMicros)
    poller.woken(nowMicros)
    this.#reader.native.disarm()
    this.#state = 'polling'
    this.#budget.found()
    poller.wake(this)
    // Now: the turn of the poller comes one round of the event loop later.
    this.poll(0, false)
  }

  #fail(thrown: unknown): void {
    if (this.#state === 'closed') return
    this.cursor.clear()
    this.end = { error: toShmwireError(thrown, 'the memory of the topic cannot be read') }
    if (this.#state !== 'resting') poller.wake(this)
    this.#state = this.#state === 'resting' ? 'resting' : 'polling'
  }
}

function allocate(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(bytes)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.OUT_OF_MEMORY, `there is no memory for a message of ${bytes} bytes`, {
      cause,
    })
  }
}
