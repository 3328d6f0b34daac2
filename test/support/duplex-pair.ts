import { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void

/** As the kernel, which passes bytes to the program after the turn in which they were sent. */
function later(work: () => void): void {
  setImmediate(() => setImmediate(work))
}

/** As the buffers of the kernel. */
const BUFFERED = { highWaterMark: 256 * 1024 }

/** One end of a stream inside this process, which has no descriptor and no references. */
class PairEnd extends Duplex {
  other!: PairEnd
  /** It has more bytes than it should. */
  #full = false
  #waiting: Done | undefined

  /** Takes bytes of the other end. As over a socket, they arrive after the end of the write. */
  receive(chunk: Buffer, done: Done): void {
    const bytes = Buffer.from(chunk)
    setImmediate(() => {
      if (this.destroyed) done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))
      else if (this.#full) this.#waiting = done
      else done()
      later(() => {
        if (!this.destroyed && !this.push(bytes)) this.#full = true
      })
    })
  }

  override _read(): void {
    this.#full = false
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.other.receive(chunk, done)
  }

  override _final(done: Done): void {
    this.other.endReading()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#waiting?.(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))
    this.other.endReading()
    done(error)
  }

  /** After the bytes that are on their way. */
  endReading(): void {
    setImmediate(() =>
      later(() => {
        if (!this.destroyed && !this.readableEnded) this.push(null)
      }),
    )
  }
}

/** Two connected streams. */
export function duplexPair(): [Duplex, Duplex] {
  const [left, right] = [new PairEnd(BUFFERED), new PairEnd(BUFFERED)]
  left.other = right
  right.other = left
  return [left, right]
}
