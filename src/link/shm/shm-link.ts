import type { Socket } from 'node:net'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nextTick, setImmediate } from '../../host.js'
import { toShmwireError } from '../../native/native-error.js'
import type { Peer } from '../../peer.js'
import { runApart } from '../../uncaught.js'
import type { FrameParser } from '../../wire/frame-parser.js'
import { silenceBroken } from '../../wire/frames.js'
import { type Link, type LinkSink, type LinkStats, newLinkStats } from '../link.js'
import { BatchReader } from './batch-reader.js'
import { BlockingWait } from './blocking-wait.js'
import type { LinkContext } from './context.js'
import { IdleStrategy } from './idle-strategy.js'
import { listenToDoorbell, type OpenDoorbell } from './listen-to-doorbell.js'
import { poller } from './poller.js'
import { RecordWriter } from './record-writer.js'
import { SpinBudget } from './spin-budget.js'

/** The link owns the socket and the endpoint, whose segments are both mapped. */
export interface ShmLinkOptions extends Omit<LinkContext, 'stats' | 'budget' | 'onError'> {
  readonly parser: FrameParser
  readonly peer: Peer
  readonly spinMicros: number
  /** Deliver records where they lie in the peer's ring. */
  readonly views: boolean
}

/** Carries records in the rings of shared memory. */
export class ShmLink implements Link {
  readonly transport = 'shm'
  readonly peer: Peer
  readonly #socket: Socket
  readonly #parser: FrameParser
  readonly #context: LinkContext
  readonly #reader: BatchReader
  readonly #writer: RecordWriter
  readonly #idle: IdleStrategy
  readonly #blocking: BlockingWait
  #doorbell: OpenDoorbell | undefined
  #sink: LinkSink | undefined
  #ended = false
  #closed = false
  #flushScheduled = false
  /** The error of the link, until the sink has it. */
  #failure: ShmwireError | undefined

  constructor(options: ShmLinkOptions) {
    this.peer = options.peer
    this.#socket = options.socket
    this.#parser = options.parser
    const budget = new SpinBudget(options.endpoint, options.wait === 'sleep' ? 0 : options.spinMicros)
    const onError = (error: unknown): void => this.#fail(error)
    const context = { ...options, stats: newLinkStats(), budget, onError }
    this.#context = context
    this.#reader = new BatchReader(context, options.views)
    this.#writer = new RecordWriter(context, () => this.#idle.wake())
    this.#idle = new IdleStrategy(context, this.#reader, this.#writer, () => this.#finish())
    this.#blocking = new BlockingWait(context, this.#idle)
  }

  get borrowsPeerMemory(): boolean {
    return this.#reader.borrowsPeerMemory
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    this.#reader.start(sink)
    const socket = this.#socket
    socket.on('data', () => this.#fail(silenceBroken()))
    socket.once('close', () => this.#socketClosed())
    if (socket.closed) this.#socketClosed()
    socket.resume()
    this.#guard(() => {
      const { binding, endpoint, onError } = this.#context
      const onWake = (): void => this.#idle.woken()
      this.#doorbell = poller.run(() =>
        listenToDoorbell(binding, endpoint.transferDoorbell(), onWake, onError),
      )
    })
    this.#idle.start(sink)
    // Bytes after the handshake's last frame. Later, when the owner of the channel has its listeners.
    if (!this.#parser.isEmpty) setImmediate(() => this.#closed || this.#fail(silenceBroken()))
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    return this.#closed ? -1 : this.#writer.write(kind, id, payload, offset)
  }

  hasRoom(): boolean {
    return !this.#closed && this.#writer.hasRoom()
  }

  stage(kind: number, id: number, payload: Uint8Array): number {
    if (this.#closed) return -1
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      nextTick(this.#flushTurn)
    }
    return this.#writer.stage(kind, id, payload)
  }

  flush(): boolean {
    return this.#closed || this.#writer.flush()
  }

  get claimBytesMax(): number {
    return this.#closed ? -1 : this.#writer.claimBytesMax
  }

  claim(bytes: number): Uint8Array | undefined {
    return this.#closed ? undefined : this.#writer.claim(bytes)
  }

  commit(kind: number, id: number, bytes: number): void {
    if (!this.#closed) this.#writer.commit(kind, id, bytes)
  }

  abort(): void {
    if (!this.#closed) this.#writer.abort()
  }

  resume(): void {
    if (!this.#reader.paused) return
    this.#reader.paused = false
    this.#idle.wake()
  }

  end(): void {
    this.#ended = true
    this.#socket.end()
  }

  destroy(): void {
    if (this.#closed) return
    this.#closed = true
    this.#idle.close()
    this.#socket.destroy()
    this.#doorbell?.destroy()
    this.#reader.close()
  }

  ref(): void {
    this.#idle.referenced = true
    this.#socket.ref()
  }

  unref(): void {
    this.#idle.referenced = false
    this.#socket.unref()
  }

  stats(): LinkStats {
    const { binding, endpoint, stats } = this.#context
    if (!this.#closed) this.#writer.measureDepth()
    stats.wakesSent = endpoint.results[binding.RESULT_WAKES] as number
    return { ...stats }
  }

  assertMayWait(): void {
    this.#reader.assertNothingBorrowed()
    this.#blocking.assertPossible()
  }

  waitSync(forRoom: boolean, timeoutMs: number): void {
    // A listener may block: the messages before its call are a batch. An exception must not replace the poll.
    runApart(() => this.#sink?.batchEnd?.())
    this.flush()
    if (this.#closed) this.#reportFailure()
    else if (this.#reader.frozen) this.#readLast()
    else if (
      !this.#blocking.wait(forRoom || this.#writer.wantsRoom ? this.#writer.roomBytes : 0, timeoutMs)
    ) {
      this.#socketClosed()
      this.#readLast()
    }
  }

  /** At the end of the turn. */
  readonly #flushTurn = (): void => {
    this.#flushScheduled = false
    this.flush()
  }

  #socketClosed(): void {
    if (this.#closed) return
    this.#guard(() => this.#reader.freeze())
    this.#idle.wake()
  }

  /** Delivers the last records of a dead peer, or its end. */
  #readLast(): void {
    if (!this.#closed && this.#idle.poll(0, false) === 0) this.#finish()
  }

  /** Every record that the dead peer had committed was delivered. */
  #finish(): void {
    if (this.#closed) return
    this.destroy()
    this.#sink?.close(this.#ended ? undefined : peerGone())
  }

  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Reports later: this may run inside a call of the sink's owner, which must not be called back. */
  #fail(thrown: unknown): void {
    this.#failure ??= toShmwireError(thrown, 'the channel broke')
    this.destroy()
    nextTick(() => this.#reportFailure())
  }

  #reportFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) this.#sink?.close(failure)
  }
}

function peerGone(): ShmwireError {
  const message = 'the peer is gone: its socket closed without a close of the channel'
  return new ShmwireError(ErrorCode.PEER_GONE, message)
}
