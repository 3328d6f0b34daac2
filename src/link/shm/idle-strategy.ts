import { nowMs } from '../../host.js'
import type { LinkSink } from '../link.js'
import type { BatchReader } from './batch-reader.js'
import type { LinkContext } from './context.js'
import { type Polled, poller } from './poller.js'
import type { RecordWriter } from './record-writer.js'
import type { SpinBudget } from './spin-budget.js'

/**
 * How a link waits for the peer. It polls; it sleeps, with its wake words armed; or it is paused, when
 * the sink wants no record and no writer waits for room. Agrona (a Java library) uses the same name.
 */
export class IdleStrategy implements Polled {
  pollIndex = -1
  /** An unreferenced link must not poll for ever, even with `wait: 'spin'`. */
  referenced = true
  readonly #context: LinkContext
  readonly #reader: BatchReader
  readonly #writer: RecordWriter
  readonly #budget: SpinBudget
  readonly #onPeerGone: () => void
  readonly #spins: boolean
  #sink!: LinkSink
  #state: 'polling' | 'sleeping' | 'paused' | 'closed' = 'paused'

  /** `onPeerGone` runs when the peer is gone and its last record was delivered. */
  constructor(context: LinkContext, reader: BatchReader, writer: RecordWriter, onPeerGone: () => void) {
    this.#context = context
    this.#reader = reader
    this.#writer = writer
    this.#budget = context.budget
    this.#spins = context.wait === 'spin'
    this.#onPeerGone = onPeerGone
  }

  get state(): 'polling' | 'sleeping' | 'paused' | 'closed' {
    return this.#state
  }

  /** Begins to poll, from the next turn on. */
  start(sink: LinkSink): void {
    this.#sink = sink
    this.wake()
  }

  poll(spinNanos: number, yieldCpu: boolean): number {
    const drained = this.#writer.drain(this.#sink) ? 1 : 0
    const reader = this.#reader
    let found = 0
    if (reader.mayDeliver) {
      // A writer that waits for room must not spin for data meanwhile.
      const nanos = this.#writer.wantsRoom ? 0 : spinNanos
      found = this.#pollingHelps ? reader.read(nanos, yieldCpu) : reader.read(0, false)
    }
    if (found + drained > 0) this.#budget.found()
    return found + drained
  }

  rest(): boolean {
    const { stats, wait } = this.#context
    if (this.#state === 'closed') return true
    if (this.#reader.frozen) {
      this.#onPeerGone()
      return true
    }
    const { wantsRoom } = this.#writer
    if (this.#reader.paused && !wantsRoom) {
      this.#state = 'paused'
      return true
    }
    stats.spins += 1
    if (this.#spins && this.referenced) return false
    const nowMicros = nowMs() * 1000
    const amongBusy = poller.busy && wait !== 'sleep'
    const peerAtWork = wantsRoom || this.#reader.assembling
    return this.#budget.exhausted(nowMicros, amongBusy, peerAtWork) && this.#sleep()
  }

  /** Polls from the next turn on. */
  wake(): void {
    if (this.#state === 'closed') return
    if (this.#state === 'sleeping') {
      this.#budget.found()
      this.#context.endpoint.disarmForData()
      this.#context.endpoint.disarmForRoom()
    }
    this.#state = 'polling'
    poller.wake(this)
  }

  /** The peer has woken this side. */
  woken(): void {
    this.#context.stats.wakesReceived += 1
    if (this.#state !== 'sleeping') return
    if (this.#staysAsleep()) {
      this.#readAndSleep()
    } else {
      this.wake()
      // Now: the turn of the poller comes one round of the event loop later.
      this.poll(0, false)
    }
  }

  close(): void {
    this.#state = 'closed'
    poller.remove(this)
  }

  /** Polling can find something sooner than a wake-up. */
  get #pollingHelps(): boolean {
    return this.#spins || this.#budget.micros > 0
  }

  /** Further polling would gain nothing, once this side has read the available records. */
  #staysAsleep(): boolean {
    const { wait } = this.#context
    if (wait === 'sleep') return !this.#writer.wantsRoom
    const nowMicros = nowMs() * 1000
    this.#budget.woken(nowMicros)
    const dense = poller.woken(nowMicros)
    return !this.#pollingHelps && !this.#writer.wantsRoom && !dense
  }

  /** Reads the available records and sleeps again, without the poller. */
  #readAndSleep(): void {
    this.#state = 'polling'
    try {
      this.poll(0, false)
    } catch (error) {
      this.wake()
      throw error
    }
    // The poller serves a link that is paused, or that has more to deliver or to write.
    const isDone = !this.#reader.paused && !this.#writer.wantsRoom && !this.#reader.pending
    if (!isDone || !this.#sleep()) this.wake()
  }

  /** Arms the wake words. False: there is data or room already. */
  #sleep(): boolean {
    const { endpoint, onError, wait } = this.#context
    if (this.#state === 'closed') return true
    try {
      if (!this.#reader.paused && endpoint.armForData()) return false
      if (this.#writer.wantsRoom && endpoint.armForRoom(this.#writer.roomBytes)) {
        endpoint.disarmForData()
        return false
      }
    } catch (error) {
      onError(error)
      return true
    }
    this.#state = 'sleeping'
    this.#reader.forget()
    if (wait !== 'sleep') this.#budget.waits(nowMs() * 1000)
    return true
  }
}
