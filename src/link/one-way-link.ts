import { clearTimeout, nextTick, setTimeout } from '../host.js'
import type { Direction } from '../wire/agreement.js'
import { RecordKind } from '../wire/record-kind.js'
import type { Link, LinkSink, LinkStats } from './link.js'
import type { SocketLink } from './socket/socket-link.js'

const NO_BYTES = Buffer.alloc(0)

/** How long a writer that has sent CLOSE has to end the stream. */
const STREAM_END_MS = 1_000

/**
 * Carries records in one direction over a stream that has only that one. The missing direction behaves like a peer that sends nothing, and
 * answers CLOSE. So the channel closes as over every other link.
 */
export class OneWayLink implements Link {
  readonly direction: Direction
  readonly #inner: SocketLink
  #sink: LinkSink | undefined
  #closeReceived = false
  /** The CLOSE is that of the writer. */
  #writerClosed = false
  #streamEndTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(direction: Direction, inner: SocketLink) {
    this.direction = direction
    this.#inner = inner
  }

  get transport(): Link['transport'] {
    return this.#inner.transport
  }

  get peer(): Link['peer'] {
    return this.#inner.peer
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    this.#inner.start({
      record: (kind, id, payload) => {
        if (kind === RecordKind.CLOSE) this.#closeReceived = this.#writerClosed = true
        return sink.record(kind, id, payload)
      },
      batchEnd: () => sink.batchEnd?.(),
      drain: () => sink.drain(),
      close: (error) => this.#close(error),
    })
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number, owned = false): number {
    if (this.direction === 'write') {
      const end = this.#inner.write(kind, id, payload, offset, owned)
      if (kind === RecordKind.CLOSE && end >= 0) this.#inner.afterFlush(() => this.#answerCloseLater())
      return end
    }
    // The reader of a stream can only stop reading.
    if (kind === RecordKind.CLOSE) this.#answerCloseLater()
    return payload.length
  }

  afterFlush(flushed: () => void): void {
    if (this.direction === 'write') this.#inner.afterFlush(flushed)
    else flushed()
  }

  resume(): void {
    this.#inner.resume()
  }

  end(): void {
    if (this.direction === 'write') this.#inner.end()
    else if (this.#writerClosed) this.#endWithStream()
    else this.#stopReading()
  }

  destroy(): void {
    this.#closed = true
    clearTimeout(this.#streamEndTimer)
    this.#inner.destroy()
  }

  ref(): void {
    this.#inner.ref()
  }

  unref(): void {
    this.#inner.unref()
  }

  stats(): LinkStats {
    return this.#inner.stats()
  }

  /** Both sides can use the same stream, and the writer has not ended it yet. */
  #endWithStream(): void {
    this.#streamEndTimer = setTimeout(() => this.#stopReading(), STREAM_END_MS)
    this.#inner.end()
  }

  #stopReading(): void {
    this.#inner.destroy()
    nextTick(() => this.#close(undefined))
  }

  #answerCloseLater(): void {
    nextTick(() => {
      if (this.#closed || this.#closeReceived) return
      this.#closeReceived = true
      this.#sink?.record(RecordKind.CLOSE, 0, NO_BYTES)
    })
  }

  #close(error: Parameters<LinkSink['close']>[0]): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#streamEndTimer)
    this.#sink?.close(error)
  }
}
