import { Duplex, type Readable, type Writable } from 'node:stream'
import type { ByteStream } from './byte-stream.js'

/** The two halves of a stream. A missing one carries nothing. `others` are referenced and unreferenced with them. `explainEnd`: see ByteStream. */
export interface Halves {
  readonly readable?: Readable | undefined
  readonly writable?: Writable | undefined
  readonly others?: readonly { ref(): unknown; unref(): unknown }[]
  readonly explainEnd?: ByteStream['explainEnd']
}

type Done = (error?: Error | null) => void

/** Joins a stream that is read and one that is written, such as the standard streams of a process. */
export class JoinedStream extends Duplex implements ByteStream {
  readonly #halves: Halves
  readonly explainEnd: ByteStream['explainEnd']
  /** The bytes that have arrived. */
  bytesRead = 0

  constructor(halves: Halves) {
    super({ readableHighWaterMark: 0 })
    this.#halves = halves
    this.explainEnd = halves.explainEnd
    const { readable, writable } = halves
    readable?.on('data', (chunk: Buffer) => {
      this.bytesRead += chunk.length
      if (!this.push(chunk)) readable.pause()
    })
    readable?.on('end', () => this.push(null))
    readable?.on('error', (error) => this.destroy(error))
    // Without `end`, it was destroyed.
    readable?.on('close', () => readable.readableEnded || this.destroy())
    readable?.pause()
    // The callback of the write reports the error, and the last bytes of the peer can still be read.
    writable?.on('error', () => {})
    if (readable === undefined)
      writable?.on('close', () => writable.writableFinished || this.destroy(writable.errored ?? undefined))
    if (writable === undefined) this.end()
  }

  ref(): void {
    for (const one of this.#referable()) one.ref?.()
  }

  unref(): void {
    for (const one of this.#referable()) one.unref?.()
  }

  override _read(): void {
    this.#halves.readable?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#writable.write(chunk, this.#withReason(done))
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    const writable = this.#writable
    writable.cork()
    for (const [index, { chunk }] of chunks.entries())
      writable.write(chunk, index === chunks.length - 1 ? this.#withReason(done) : undefined)
    writable.uncork()
  }

  override _final(done: Done): void {
    const { readable, writable } = this.#halves
    if (readable === undefined) this.push(null)
    if (writable === undefined) done()
    else writable.end(() => done())
  }

  override _destroy(error: Error | null, done: Done): void {
    const { readable, writable } = this.#halves
    // A half that has ended closes by itself. Its other direction can still hold bytes, such as the output of a Transform.
    if (readable?.readableEnded !== true) readable?.destroy()
    if (writable?.writableFinished !== true || isUnreadSocket(writable)) writable?.destroy()
    done(error)
  }

  get #writable(): Writable {
    return this.#halves.writable as Writable
  }

  /** A write to a stream that was destroyed reports only that. */
  #withReason(done: Done): Done {
    return (error) => done(error && (this.#writable.errored ?? error))
  }

  #referable(): Partial<Pick<ByteStream, 'ref' | 'unref'>>[] {
    const { readable, writable, others = [] } = this.#halves
    return [readable, writable, ...others].filter((one) => one !== undefined) as ByteStream[]
  }
}

/** Its input would keep it open. */
function isUnreadSocket(stream: Writable): boolean {
  return 'connecting' in stream && stream.listenerCount('data') + stream.listenerCount('readable') === 0
}
