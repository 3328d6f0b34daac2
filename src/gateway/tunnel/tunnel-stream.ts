import { Duplex } from 'node:stream'
import type { ByteStream } from '../../byte-stream.js'
import { ShmwireError } from '../../errors.js'
import type { Peer } from '../../peer.js'
import { runApart } from '../../uncaught.js'
import { type SessionBounds, type SessionSink, TunnelSession } from './tunnel-session.js'
import { UnreadBytes } from './unread-bytes.js'

type Done = (error?: Error | null) => void

export interface TunnelStreamOptions extends SessionBounds {
  /** The connection of the session was lost. */
  readonly onDetached?: ((error: ShmwireError | undefined) => void) | undefined
  /** The session has ended by itself. Its last bytes can still wait for the reader. */
  readonly onEnded?: (() => void) | undefined
  /** Called by `ref` and `unref`. */
  readonly onReferenced?: ((referenced: boolean) => void) | undefined
}

/** The bytes of a session as a stream. As those of a socket, they continue to arrive after the peer has closed its end. */
export class TunnelStream extends Duplex implements ByteStream {
  readonly session: TunnelSession
  /** Of the last connection. */
  knownPeer: Peer | undefined
  readonly #onReferenced: TunnelStreamOptions['onReferenced']
  readonly #unread = new UnreadBytes()
  /** The reader takes bytes at once. */
  #reading = false
  /** The end, or the error, that follows the unread bytes. */
  #last: { readonly error: ShmwireError | undefined } | undefined
  #ended = false
  #rest: { readonly chunk: Buffer; readonly done: Done } | undefined
  #final: Done | undefined

  constructor(options: TunnelStreamOptions) {
    // The session has buffers of its own.
    super({ readableHighWaterMark: 0 })
    this.#onReferenced = options.onReferenced
    const sink: SessionSink = {
      data: (bytes) => this.#data(bytes),
      dataEnd: () => this.#finishReading(undefined),
      room: () => this.#writeRest(),
      endReceived: () => this.#endWriting(null),
      detached: (error) => options.onDetached?.(error),
      closed: (error) => {
        options.onEnded?.()
        this.#closed(error)
      },
    }
    this.session = new TunnelSession(options, sink)
  }

  ref(): void {
    this.#onReferenced?.(true)
  }

  unref(): void {
    this.#onReferenced?.(false)
  }

  override _read(): void {
    this.#reading = true
    while (this.#reading) {
      const bytes = this.#unread.take()
      if (bytes === undefined) break
      this.#push(bytes)
    }
    this.#pushLast()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#rest = { chunk, done }
    this.#writeRest()
  }

  override _final(done: Done): void {
    if (this.session.isClosed) {
      done()
      return
    }
    // The peer has everything then, so the connection can end.
    this.#final = done
    this.session.end()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.session.close(error instanceof ShmwireError ? error : undefined)
    this.#unread.clear()
    this.#endWriting(peerReadsNoMore())
    done(error)
  }

  #data(bytes: Buffer): void {
    if (this.#reading && this.#unread.isEmpty) this.#push(bytes)
    else this.#unread.append(bytes)
  }

  /** An error of a listener is an uncaught exception, and the next bytes still follow. */
  #push(bytes: Buffer): void {
    this.#reading = false
    runApart(() => {
      let wantsMore = true
      try {
        wantsMore = this.push(bytes)
      } finally {
        this.#reading ||= wantsMore
      }
    })
    this.session.taken(bytes.length)
  }

  #finishReading(error: ShmwireError | undefined): void {
    this.#last ??= { error }
    this.#pushLast()
  }

  #pushLast(): void {
    if (this.#last === undefined || !this.#unread.isEmpty || this.destroyed) return
    if (this.#last.error !== undefined) this.destroy(this.#last.error)
    else if (!this.#ended) runApart(() => this.push(null))
    this.#ended = true
  }

  #writeRest(): void {
    if (this.#rest === undefined) return
    const { chunk, done } = this.#rest
    const count = this.session.write(chunk)
    if (this.session.isClosed) {
      this.#endWriting(peerReadsNoMore())
      return
    }
    this.#rest = count < chunk.length ? { chunk: chunk.subarray(count), done } : undefined
    if (this.#rest === undefined) done()
  }

  /** Ends the write and the `end` that wait for the peer. */
  #endWriting(error: Error | null): void {
    const [rest, final] = [this.#rest, this.#final]
    this.#rest = undefined
    this.#final = undefined
    rest?.done(error)
    final?.()
  }

  #closed(error: ShmwireError | undefined): void {
    this.#endWriting(peerReadsNoMore())
    this.#last = this.#last === undefined || error !== undefined ? { error } : this.#last
    this.#pushLast()
  }
}

/** As a socket reports it. */
function peerReadsNoMore(): NodeJS.ErrnoException {
  return Object.assign(new Error('the other end of the tunnel has closed'), { code: 'EPIPE' })
}
