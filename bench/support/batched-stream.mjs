import { once } from 'node:events'
import { KEPT_BYTES_MIN, PENDING_BYTES_MAX } from './bounds.mjs'
import { LengthPrefixReader } from './length-prefix-reader.mjs'

const HEADER_BYTES = 4
/** The size of one write. Larger writes were not faster, and smaller ones were slower. */
const CHUNK_BYTES = 64 * 1024

/**
 * Messages over a stream socket, each behind its length. The messages of a turn are joined into one write, and the
 * reader splits chunks without joining them.
 */
export class BatchedStreamConnection {
  transport
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #socket
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** Bytes [#start, #end) of the chunk wait for the flush; those before are with the socket. */
  #start = 0
  #end = 0
  #flushScheduled = false
  #wantsRoom = false
  #reader = new LengthPrefixReader((message) => this.onMessage(message))

  constructor(socket, transport) {
    this.transport = transport
    this.#socket = socket
    socket.on('data', (chunk) => this.receive(chunk))
    socket.on('drain', () => this.#roomAgain())
    socket.on('error', () => {})
    socket.once('close', () => this.onClose())
  }

  /** For bytes that do not arrive as events of the socket. They may change once this has returned if they are part of a long message. */
  receive(chunk) {
    this.#reader.push(chunk)
  }

  trySend(message) {
    if (this.#socket.writableLength >= PENDING_BYTES_MAX) {
      this.#wantsRoom = true
      return false
    }
    const { length } = message
    const copied = length < KEPT_BYTES_MIN
    if (CHUNK_BYTES - this.#end < HEADER_BYTES + (copied ? length : 0)) this.#newChunk()
    const chunk = this.#chunk
    const at = this.#end
    chunk[at] = length
    chunk[at + 1] = length >>> 8
    chunk[at + 2] = length >>> 16
    chunk[at + 3] = length >>> 24
    if (copied) {
      chunk.set(message, at + HEADER_BYTES)
      this.#end = at + HEADER_BYTES + length
    } else {
      this.#end = at + HEADER_BYTES
      this.#socket.cork()
      this.#flush()
      this.#socket.write(message)
      this.#socket.uncork()
    }
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      process.nextTick(() => {
        this.#flushScheduled = false
        this.#flush()
      })
    }
    return true
  }

  async close() {
    if (this.#socket.closed) return
    const closed = once(this.#socket, 'close')
    this.#flush()
    this.#socket.end()
    await closed
  }

  #newChunk() {
    this.#flush()
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.#start = 0
    this.#end = 0
  }

  #flush() {
    if (this.#start === this.#end) return
    const bytes = this.#chunk.subarray(this.#start, this.#end)
    this.#start = this.#end
    this.#socket.write(bytes)
  }

  #roomAgain() {
    if (!this.#wantsRoom) return
    this.#wantsRoom = false
    this.onDrain()
  }
}
