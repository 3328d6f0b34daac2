import type { ByteStream } from '../../byte-stream.js'

type Done = (error?: Error | null) => void

/** The methods that the stream of a socket calls to write. */
interface WriteMethods {
  _write(chunk: unknown, encoding: BufferEncoding, done: Done): void
  /** Missing in some runtimes. */
  _writev?(chunks: unknown, done: Done): void
}

/**
 * Keeps a socket readable after a write that failed because the peer is gone. The stream would destroy the socket, and the last bytes of
 * the peer, which the kernel still holds, would be lost. Instead `onBroken` runs, further writes do nothing, and the socket ends when
 * those bytes are read.
 */
export function keepReadable(socket: ByteStream, onBroken: (error: Error) => void): void {
  const methods = socket as unknown as WriteMethods
  const write = methods._write.bind(socket)
  const writev = methods._writev?.bind(socket)
  let broken = false
  const guard = (done: Done): Done => {
    return (error) => {
      if (error !== undefined && error !== null && !broken) {
        broken = true
        onBroken(error)
      }
      done()
    }
  }
  methods._write = (chunk, encoding, done) => {
    if (broken) done()
    else write(chunk, encoding, guard(done))
  }
  if (writev === undefined) return
  methods._writev = (chunks, done) => {
    if (broken) done()
    else writev(chunks, guard(done))
  }
}
