import type { Socket } from 'node:net'
import type { FrameParser } from '../../control/frame-parser.js'
import { DOORBELL_FRAME, doorbellBound } from '../../control/frames.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'
import { toShmwireError } from '../../native/native-error.js'
import type { WaitMode } from '../../options.js'
import { type Link, type LinkSink, type LinkStats, newLinkStats, type Peer } from '../link.js'
import { type Polled, poller } from './poller.js'
import { SpinBudget } from './spin-budget.js'

export interface ShmLinkOptions {
  /** Connected, paused, past the handshake: doorbell and death detector. The link owns it from now on. */
  readonly socket: Socket
  readonly parser: FrameParser
  readonly binding: NativeBinding
  /** Both segments mapped. The link owns it from now on. */
  readonly endpoint: NativeEndpoint
  readonly peer: Peer
  readonly ringBytes: number
  readonly wait: WaitMode
  readonly spinMicros: number
}

/** Messages of a batch are copied into slabs of this size, one behind the other. */
const SLAB_BYTES = 64 * 1024

/** A message this long gets a buffer of its own; a shorter one leaves at most so much of a slab unused. */
const OWN_BUFFER_BYTES_MIN = 8 * 1024

/** A batch whose listeners take longer goes on in the next turn, so that timers and sockets get theirs. */
const TURN_MS_MAX = 1

/** Records between two looks at the clock, which costs as much as handing one over. */
const RECORDS_PER_CHECK = 32

/**
 * Records in the rings of shared memory.
 *
 * The link is awake (the poller polls it), or asleep (its wake word is armed, and the peer rings the socket), or
 * paused (the sink wants no more; neither). A writer that waits for room keeps it awake, or arms its word for room.
 */
export class ShmLink implements Link, Polled {
  readonly transport = 'shm'
  readonly peer: Peer
  readonly #socket: Socket
  readonly #parser: FrameParser
  readonly #binding: NativeBinding
  readonly #endpoint: NativeEndpoint
  readonly #signals: Float64Array
  readonly #descriptors: Uint32Array
  readonly #descriptorWords: number
  readonly #wait: WaitMode
  readonly #budget: SpinBudget
  /** A waiting writer goes on when so much is free. */
  readonly #roomBytes: number
  readonly #stats: LinkStats = newLinkStats()
  #sink: LinkSink | undefined
  #slab: Buffer = Buffer.allocUnsafeSlow(0)
  #slabOffset = 0
  /** Records of the last batch, and how many of them the sink has had. */
  #batchCount = 0
  #batchNext = 0
  /** A long message on its way in, and how much of it is there. */
  #assembly: Buffer | undefined
  #assemblyBytes = 0
  #paused = false
  #wantsRoom = false
  #asleep = false
  /** When the ring was first found empty, or the link went to sleep; microseconds. */
  #idleSinceMicros: number | undefined
  #referenced = true
  #ended = false
  /** The socket has closed: the peer will write no more. */
  #dead = false
  #closed = false

  constructor(options: ShmLinkOptions) {
    this.peer = options.peer
    this.#socket = options.socket
    this.#parser = options.parser
    this.#binding = options.binding
    this.#endpoint = options.endpoint
    this.#signals = options.endpoint.signals
    this.#descriptors = options.endpoint.descriptors
    this.#descriptorWords = options.binding.DESCRIPTOR_WORDS
    this.#wait = options.wait
    this.#budget = new SpinBudget(options.wait === 'sleep' ? 0 : options.spinMicros)
    this.#roomBytes = options.ringBytes / 4
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    this.#parser.bound = doorbellBound
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => {
      this.#parser.push(chunk)
      this.#rung()
    })
    socket.once('close', () => this.#socketClosed())
    if (socket.closed) this.#socketClosed()
    socket.resume()
    poller.wake(this)
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    if (this.#closed) return -1
    let end: number
    try {
      end = this.#endpoint.write(kind, id, payload, offset)
    } catch (error) {
      this.#fail(error)
      return -1
    }
    if (this.#signals[this.#binding.SIGNAL_RING] === 1) this.#ring()
    if (end !== payload.length) {
      this.#stats.fullWaits += 1
      this.#wantsRoom = true
      this.#lookAtDepth()
      this.#wake()
    }
    return end
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
    this.#endpoint.close()
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
    return { ...this.#stats }
  }

  poll(spinNanos: number, yieldCpu: boolean): number {
    const drained = this.#wantsRoom && this.#drain() ? 1 : 0
    if (this.#closed || (this.#paused && !this.#dead)) return drained
    if (this.#batchNext < this.#batchCount) return this.#hand()
    // A writer that waits for room must not spin for data meanwhile.
    const lookNanos = this.#wantsRoom ? 0 : spinNanos
    const found =
      this.#assembly === undefined ? this.#receive(lookNanos, yieldCpu) : this.#assemble(this.#assembly)
    if (found > 0) this.#idleSinceMicros = undefined
    return found + drained
  }

  rest(): boolean {
    if (this.#closed) return true
    if (this.#dead) return this.#finish()
    if (this.#paused && !this.#wantsRoom) return true
    const nowMicros = performance.now() * 1000
    this.#idleSinceMicros ??= nowMicros
    this.#stats.spins += 1
    // A link that must not keep the process alive may not poll for ever either.
    if (this.#wait === 'spin' && this.#referenced) return false
    if (nowMicros - this.#idleSinceMicros < this.#budget.micros) return false
    return this.#sleep(nowMicros)
  }

  /** Where it is likely to be a maximum, and when somebody asks: at every write it would cost a native call. */
  #lookAtDepth(): void {
    const depthBytes = this.#endpoint.depthBytes()
    this.#stats.depthBytes = depthBytes
    this.#stats.highWaterBytes = Math.max(this.#stats.highWaterBytes, depthBytes)
  }

  /** Arms the words for what it waits for. False: it is there already. */
  #sleep(nowMicros: number): boolean {
    try {
      if (!this.#paused && this.#endpoint.armForData()) return false
      if (this.#wantsRoom && this.#endpoint.armForRoom(this.#roomBytes)) {
        this.#endpoint.disarmForData()
        return false
      }
    } catch (error) {
      this.#fail(error)
      return true
    }
    this.#asleep = true
    this.#idleSinceMicros = nowMicros
    return true
  }

  #wake(): void {
    if (this.#asleep) {
      this.#asleep = false
      this.#idleSinceMicros = undefined
      this.#endpoint.disarmForData()
      this.#endpoint.disarmForRoom()
    }
    poller.wake(this)
  }

  /** The peer rings the socket, or says there what it may not. */
  #rung(): void {
    try {
      this.#parser.parse(() => {
        this.#stats.wakesReceived += 1
        return true
      })
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#closed || !this.#asleep) return
    this.#budget.slept(performance.now() * 1000 - (this.#idleSinceMicros as number))
    this.#wake()
    // At once: the poller's turn would come one round of the event loop later.
    this.poll(0, false)
  }

  #ring(): void {
    this.#stats.wakesSent += 1
    if (this.#socket.writable) this.#socket.write(DOORBELL_FRAME)
  }

  #drain(): boolean {
    try {
      if (!this.#endpoint.hasRoom(this.#roomBytes)) return false
    } catch (error) {
      this.#fail(error)
      return true
    }
    this.#wantsRoom = false
    this.#sink?.drain()
    return true
  }

  #receive(spinNanos: number, yieldCpu: boolean): number {
    let count: number
    try {
      count = this.#endpoint.receive(this.#slab, this.#slabOffset, spinNanos, yieldCpu)
    } catch (error) {
      this.#fail(error)
      return 0
    }
    const signals = this.#signals
    if (signals[this.#binding.SIGNAL_RING] === 1) this.#ring()
    if (count === 0) {
      const requiredBytes = signals[this.#binding.SIGNAL_REQUIRED] as number
      if (requiredBytes < 0) return 0
      return this.#provide(requiredBytes, signals[this.#binding.SIGNAL_FRAGMENTED] === 1)
    }
    this.#slabOffset = signals[this.#binding.SIGNAL_OFFSET] as number
    this.#batchCount = count
    this.#batchNext = 0
    return this.#hand()
  }

  /** Memory for the next message, which the slab has no room for. */
  #provide(requiredBytes: number, fragmented: boolean): number {
    let buffer: Buffer
    try {
      buffer = Buffer.allocUnsafeSlow(
        fragmented || requiredBytes >= OWN_BUFFER_BYTES_MIN ? requiredBytes : SLAB_BYTES,
      )
    } catch (cause) {
      this.#fail(
        new ShmwireError(
          ErrorCode.OUT_OF_MEMORY,
          `there is no memory for a message of ${requiredBytes} bytes`,
          { cause },
        ),
      )
      return 0
    }
    if (fragmented) {
      this.#assembly = buffer
      this.#assemblyBytes = 0
      return this.#assemble(buffer)
    }
    this.#slab = buffer
    this.#slabOffset = 0
    return this.#receive(0, false)
  }

  /** Fragments that moved count as one record. */
  #assemble(assembly: Buffer): number {
    let bytes: number
    try {
      bytes = this.#endpoint.assemble(assembly)
    } catch (error) {
      this.#fail(error)
      return 0
    }
    if (this.#signals[this.#binding.SIGNAL_RING] === 1) this.#ring()
    if (bytes < assembly.length) {
      const moved = bytes > this.#assemblyBytes ? 1 : 0
      this.#assemblyBytes = bytes
      return moved
    }
    this.#assembly = undefined
    this.#give(this.#descriptors[0] as number, this.#descriptors[1] as number, assembly)
    return 1
  }

  /** Hands the batch to the sink, as far as it wants and for as long as a turn may last. Returns how many records it handed. */
  #hand(): number {
    const descriptors = this.#descriptors
    const words = this.#descriptorWords
    const slab = this.#slab
    const first = this.#batchNext
    let checkAt = first + RECORDS_PER_CHECK
    let endMs = 0
    while (this.#batchNext < this.#batchCount && (!this.#paused || this.#dead) && !this.#closed) {
      if (this.#batchNext === checkAt) {
        const nowMs = performance.now()
        if (endMs === 0) endMs = nowMs + TURN_MS_MAX
        else if (nowMs >= endMs) break
        checkAt += RECORDS_PER_CHECK
      }
      const at = this.#batchNext * words
      const start = descriptors[at + 2] as number
      // Before the call: the listener may throw, and the record has been given all the same.
      this.#batchNext += 1
      this.#give(
        descriptors[at] as number,
        descriptors[at + 1] as number,
        slab.subarray(start, start + (descriptors[at + 3] as number)),
      )
    }
    return this.#batchNext - first
  }

  #give(kind: number, id: number, payload: Buffer): void {
    if (!(this.#sink as LinkSink).record(kind, id, payload)) this.#paused = true
  }

  #socketClosed(): void {
    this.#dead = true
    if (!this.#closed) this.#wake()
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

  /** Later, because it may be found inside a call of the sink's owner, who must not be called back from there. */
  #fail(thrown: unknown): void {
    const error = toShmwireError(thrown, 'the channel broke')
    this.destroy()
    process.nextTick(() => this.#sink?.close(error))
  }
}
