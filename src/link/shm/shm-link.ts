import type { Socket } from 'node:net'
import type { FrameParser } from '../../control/frame-parser.js'
import { silenceBroken } from '../../control/frames.js'
import { descriptorOf } from '../../control/peer.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'
import { toShmwireError } from '../../native/native-error.js'
import type { WaitMode } from '../../options.js'
import { type Link, type LinkSink, type LinkStats, newLinkStats, type Peer } from '../link.js'
import { assertDescriptor } from './assert-descriptor.js'
import { type BatchHost, BatchReader } from './batch-reader.js'
import { openBell } from './bell.js'
import { SYNC_LOOK_MICROS, SYNC_SPIN_MICROS, waitBlocked } from './blocking-wait.js'
import { type Polled, poller } from './poller.js'
import { RecordWriter, type WriterHost } from './record-writer.js'
import { SpinBudget } from './spin-budget.js'

export interface ShmLinkOptions {
  /** Connected, paused, past the handshake: the death detector. The link owns it from now on. */
  readonly socket: Socket
  readonly parser: FrameParser
  readonly binding: NativeBinding
  /** Both segments mapped. The link owns it from now on. */
  readonly endpoint: NativeEndpoint
  readonly peer: Peer
  readonly ringBytes: number
  readonly wait: WaitMode
  readonly spinMicros: number
  /** Records are to be handed over where they lie. */
  readonly views: boolean
}

/**
 * Records in the rings of shared memory.
 *
 * The link is awake (the poller polls it), or asleep (its wake word is armed, and the peer rings the bell), or
 * paused (the sink wants no more; neither). A writer that waits for room keeps it awake, or arms its word for room.
 */
export class ShmLink implements Link, Polled, BatchHost, WriterHost {
  readonly transport = 'shm'
  pollIndex = -1
  readonly peer: Peer
  readonly #socket: Socket
  readonly #parser: FrameParser
  readonly #binding: NativeBinding
  readonly #endpoint: NativeEndpoint
  readonly #wait: WaitMode
  readonly #budget: SpinBudget
  /** A waiting writer goes on when so much is free. */
  readonly #roomBytes: number
  readonly #stats: LinkStats = newLinkStats()
  readonly #reader: BatchReader
  readonly #writer: RecordWriter
  #bell: Socket | undefined
  #sink: LinkSink | undefined
  #paused = false
  #wantsRoom = false
  #asleep = false
  #asleepSinceMicros = 0
  #referenced = true
  #ended = false
  /** Blocking calls found the socket's descriptor: asking takes a tenth of a round trip. */
  #descriptorShown = false
  /** The socket has closed: the peer will write no more. */
  #dead = false
  #closed = false
  /** Why the link broke, until the sink has been told. */
  #failure: ShmwireError | undefined

  constructor(options: ShmLinkOptions) {
    this.peer = options.peer
    this.#socket = options.socket
    this.#parser = options.parser
    this.#binding = options.binding
    this.#endpoint = options.endpoint
    this.#wait = options.wait
    this.#budget = new SpinBudget(options.wait === 'sleep' ? 0 : options.spinMicros)
    this.#roomBytes = options.ringBytes / 4
    this.#reader = new BatchReader(options.binding, options.endpoint, this, options.views)
    this.#writer = new RecordWriter(options.binding, options.endpoint, this, options.ringBytes)
  }

  get lends(): boolean {
    return this.#reader.lends
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether it is worth while to look on where nothing is. */
  get #polls(): boolean {
    return this.#budget.micros > 0 || this.#wait === 'spin'
  }

  /** Whether the sink wants records, or gets what a dead peer has left behind in any case. */
  get takes(): boolean {
    return (!this.#paused || this.#dead) && !this.#closed
  }

  give(kind: number, id: number, payload: Buffer): void {
    if (!(this.#sink as LinkSink).record(kind, id, payload)) this.#paused = true
  }

  batchEnd(): void {
    this.#sink?.batchEnd?.()
  }

  /** Later, because it may be found inside a call of the sink's owner, who must not be called back from there. */
  fail(thrown: unknown): void {
    this.#failure = toShmwireError(thrown, 'the channel broke')
    this.destroy()
    process.nextTick(() => this.#tellFailure())
  }

  #tellFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) this.#sink?.close(failure)
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    const socket = this.#socket
    socket.on('data', () => this.fail(silenceBroken()))
    socket.once('close', () => this.#socketClosed())
    if (socket.closed) this.#socketClosed()
    socket.resume()
    this.#guard(() => {
      this.#bell = poller.run(() => openBell(this.#endpoint.lendBell(), () => this.#rung()))
      this.#bell.on('error', (error) => this.fail(error))
    })
    if (!this.#closed) poller.wake(this)
    // What came with the handshake's last frame. In a later turn, when whoever gets the channel listens.
    if (!this.#parser.isEmpty) setImmediate(() => !this.#closed && this.fail(silenceBroken()))
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    return this.#writer.write(kind, id, payload, offset)
  }

  get claimBytesMax(): number {
    return this.#writer.claimBytesMax
  }

  claim(bytes: number): Uint8Array | undefined {
    return this.#writer.claim(bytes)
  }

  commit(kind: number, id: number, bytes: number): void {
    this.#writer.commit(kind, id, bytes)
  }

  abort(): void {
    this.#writer.abort()
  }

  lacksRoom(): void {
    this.#stats.fullWaits += 1
    this.#wantsRoom = true
    this.#lookAtDepth()
    this.#wake()
  }

  resume(): void {
    if (!this.#paused || this.#closed) return
    this.#paused = false
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#socket.end()
  }

  destroy(): void {
    if (this.#closed) return
    this.#closed = true
    poller.remove(this)
    this.#socket.destroy()
    this.#bell?.destroy()
    // What is lent stays until the listeners that look at it have returned.
    if (!this.#reader.lending) this.#endpoint.close()
  }

  ref(): void {
    this.#referenced = true
    this.#socket.ref()
  }

  unref(): void {
    this.#referenced = false
    this.#socket.unref()
  }

  stats(): LinkStats {
    if (!this.#closed) this.#lookAtDepth()
    this.#stats.wakesSent = this.#endpoint.signals[this.#binding.SIGNAL_RINGS] as number
    return { ...this.#stats }
  }

  poll(spinNanos: number, yieldCpu: boolean): number {
    const drained = this.#wantsRoom && this.#drain() ? 1 : 0
    if (!this.takes) return drained
    // A writer that waits for room must not spin for data meanwhile.
    const found = this.#polls
      ? this.#reader.read(this.#wantsRoom ? 0 : spinNanos, yieldCpu)
      : this.#reader.read(0, false)
    if (found > 0) this.#budget.found()
    return found + drained
  }

  rest(): boolean {
    if (this.#closed) return true
    if (this.#dead) return this.#finish()
    if (this.#paused && !this.#wantsRoom) return true
    this.#stats.spins += 1
    // A link that must not keep the process alive may not poll for ever either.
    if (this.#wait === 'spin' && this.#referenced) return false
    const nowMicros = performance.now() * 1000
    const amongBusy = poller.busy && this.#wait !== 'sleep'
    const peerAtWork = this.#wantsRoom || this.#reader.assembling
    if (!this.#budget.exhausted(nowMicros, amongBusy, peerAtWork)) return false
    return this.#sleep()
  }

  /** Where it is likely to be a maximum, and when somebody asks: at every write it would cost a native call. */
  #lookAtDepth(): void {
    this.#guard(() => {
      const depthBytes = this.#endpoint.depthBytes()
      this.#stats.depthBytes = depthBytes
      this.#stats.highWaterBytes = Math.max(this.#stats.highWaterBytes, depthBytes)
    })
  }

  /** Arms the words for what it waits for. False: it is there already. */
  #sleep(): boolean {
    try {
      if (!this.#paused && this.#endpoint.armForData()) return false
      if (this.#wantsRoom && this.#endpoint.armForRoom(this.#roomBytes)) {
        this.#endpoint.disarmForData()
        return false
      }
    } catch (error) {
      this.fail(error)
      return true
    }
    this.#asleep = true
    this.#reader.forget()
    if (this.#wait !== 'sleep') this.#asleepSinceMicros = performance.now() * 1000
    return true
  }

  coreLost(): void {
    this.#budget.coreLost(performance.now() * 1000)
  }

  assertMayWait(): void {
    this.#reader.assertNothingLent()
    if (!this.#descriptorShown) assertDescriptor(this.#socket)
    this.#descriptorShown = true
  }

  waitSync(forRoom: boolean, timeoutMs: number): void {
    if (this.#closed) this.#tellFailure()
    else if (this.#dead) this.#lookForTheLastTime()
    else this.#waitForPeer(forRoom, timeoutMs)
  }

  #waitForPeer(forRoom: boolean, timeoutMs: number): void {
    // Afterwards the poller looks again, and arms again: the wait disarms the words.
    this.#wake()
    const spins = this.#wait === 'spin'
    if (this.#lookFor(spins ? Math.min(timeoutMs * 1000, SYNC_SPIN_MICROS) : this.#budget.micros)) return
    const controlSocket = descriptorOf(this.#socket)
    if (controlSocket === undefined) {
      // It is destroyed. The event that reports it cannot arrive while this thread is blocked.
      this.#socketClosed()
      this.#lookForTheLastTime()
      return
    }
    const begunMs = performance.now()
    let outcome: number
    try {
      const roomBytes = forRoom ? this.#roomBytes : 0
      outcome = waitBlocked(this.#binding, this.#endpoint, roomBytes, spins ? 0 : timeoutMs, controlSocket)
    } catch (error) {
      this.fail(error)
      return
    }
    const endMs = performance.now()
    this.#budget.slept((endMs - begunMs) * 1000, endMs * 1000)
    if (outcome === this.#binding.WAIT_TIMEOUT) return
    if (outcome === this.#binding.WAIT_READY) this.poll(0, false)
    else this.#finish()
  }

  /** The peer is dead: what it has left behind, or the end. */
  #lookForTheLastTime(): void {
    if (this.poll(0, false) === 0 && !this.#closed) this.#finish()
  }

  /** Looks for records, or room, for so long: by the clock, because a look that gives the core away may take any time. */
  #lookFor(micros: number): boolean {
    const endMs = performance.now() + micros / 1000
    do {
      if (this.poll(SYNC_LOOK_MICROS * 1000, true) > 0 || this.#closed) return true
    } while (performance.now() < endMs)
    return false
  }

  #wake(): void {
    if (this.#closed) return
    if (this.#asleep) {
      this.#asleep = false
      this.#budget.found()
      this.#endpoint.disarmForData()
      this.#endpoint.disarmForRoom()
    }
    poller.wake(this)
  }

  /** The peer rings. */
  #rung(): void {
    this.#stats.wakesReceived += 1
    if (this.#closed || !this.#asleep) return
    if (this.#goesBackToSleep()) {
      this.#readAndSleep()
    } else {
      this.#wake()
      // At once: the poller's turn would come one round of the event loop later.
      this.poll(0, false)
    }
  }

  /** Whether nothing is gained by looking on, once what is there has been read. */
  #goesBackToSleep(): boolean {
    if (this.#wait === 'sleep') return !this.#wantsRoom
    const nowMicros = performance.now() * 1000
    this.#budget.slept(nowMicros - this.#asleepSinceMicros, nowMicros)
    const dense = poller.rung(nowMicros)
    return !this.#polls && !this.#wantsRoom && !dense
  }

  /** Takes what is there and goes back to sleep, without the poller. */
  #readAndSleep(): void {
    this.#asleep = false
    try {
      this.poll(0, false)
    } catch (error) {
      this.#wake()
      throw error
    }
    // A paused link rests in the poller's way, and so does one that has more to hand over, to read, or to write.
    const isDone = !this.#closed && !this.#paused && !this.#wantsRoom && !this.#reader.pending
    if (!isDone || !this.#sleep()) this.#wake()
  }

  #drain(): boolean {
    try {
      if (!this.#endpoint.hasRoom(this.#roomBytes)) return false
    } catch (error) {
      this.fail(error)
      return true
    }
    this.#wantsRoom = false
    this.#budget.found()
    this.#sink?.drain()
    return true
  }

  #socketClosed(): void {
    this.#dead = true
    if (this.#closed) return
    // A peer that has hung up and goes on writing is not listened to.
    this.#guard(() => this.#endpoint.freeze())
    this.#wake()
  }

  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.fail(error)
    }
  }

  /** All that the dead peer had committed is delivered. */
  #finish(): true {
    this.destroy()
    const gone = new ShmwireError(
      ErrorCode.PEER_GONE,
      'the peer is gone: its socket closed without a close of the channel',
    )
    this.#sink?.close(this.#ended ? undefined : gone)
    return true
  }
}
