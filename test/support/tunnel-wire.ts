import type { ShmwireError } from '../../src/errors.js'
import type { ConnectionEvents, TunnelConnection } from '../../src/gateway/tunnel/tunnel-connection.js'
import type { SessionBounds } from '../../src/gateway/tunnel/tunnel-session.js'
import { TunnelStream } from '../../src/gateway/tunnel/tunnel-stream.js'
import { turn } from './turns.js'

/** One end of a connection whose messages wait until the test delivers them. */
export class FakeConnection implements TunnelConnection {
  events: ConnectionEvents = { message() {}, drain() {}, lost() {} }
  readonly queue: Buffer[] = []
  other!: FakeConnection
  ended = false
  referenced = true
  /** The messages that it takes before it is full. */
  capacity = 4
  #full = false
  #lost = false

  send(message: Buffer): boolean {
    if (this.ended) return true
    this.queue.push(message)
    this.#full ||= this.queue.length >= this.capacity
    return !this.#full
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.ended = true
    this.queue.length = 0
    this.other.queue.length = 0
  }

  setReferenced(referenced: boolean): void {
    this.referenced = referenced
  }

  /** Delivers the oldest message to the other end, or the end. False: there is neither. */
  deliver(): boolean {
    const message = this.queue.shift()
    if (message !== undefined && !this.other.ended) this.other.events.message(message)
    if (this.#full && this.queue.length === 0) {
      this.#full = false
      if (!this.ended) this.events.drain()
    }
    if (message === undefined && this.ended) return this.other.lose()
    return message !== undefined
  }

  /** The connection breaks. False: it had ended before. */
  lose(error?: ShmwireError): boolean {
    if (this.ended || this.#lost) return false
    this.#lost = true
    this.ended = true
    this.queue.length = 0
    this.events.lost(error)
    return true
  }
}

export function connectionPair(): [FakeConnection, FakeConnection] {
  const [left, right] = [new FakeConnection(), new FakeConnection()]
  left.other = right
  right.other = left
  return [left, right]
}

/** Two joined ends of a session on a connection that the test controls. */
export class TunnelPair {
  readonly streams: readonly [TunnelStream, TunnelStream]
  wire!: [FakeConnection, FakeConnection]
  capacity = 4
  connections = 0

  constructor(left: SessionBounds, right = left) {
    this.streams = [new TunnelStream(left), new TunnelStream(right)]
    for (const stream of this.streams) stream.on('error', () => {})
    this.connect()
  }

  /** Continues the session on a new connection. */
  connect(): void {
    this.connections += 1
    this.wire = connectionPair()
    for (const end of this.wire) end.capacity = this.capacity
    const [left, right] = this.streams.map(({ session }) => session)
    const [leftProgress, rightProgress] = this.streams.map(({ session }) => session.progress)
    if (
      left === undefined ||
      right === undefined ||
      leftProgress === undefined ||
      rightProgress === undefined
    )
      throw new Error('unreachable: there are two streams')
    right.attach(this.wire[1], rightProgress, leftProgress)
    left.attach(this.wire[0], leftProgress, rightProgress)
  }

  /** Breaks the connection. The messages on their way are lost. */
  cut(error?: ShmwireError): void {
    for (const end of this.wire) end.lose(error)
  }

  /** Delivers everything, until neither side sends more. */
  async settle(): Promise<void> {
    do await turn()
    while (this.wire.map((end) => end.deliver()).includes(true))
  }
}

const PERIOD = 65_521
const block = Buffer.alloc(PERIOD + 4 * 1024 * 1024)
for (let index = 0; index < block.length; index += 1) {
  const at = index % PERIOD
  block[index] = (Math.imul(at, 0x9e3779b1) >>> 13) & 0xff
}

/** The bytes of an endless stream from a position on, so that a receiver can check them. A view: not to be written to. */
export function bytesAt(position: number, length: number): Buffer {
  const start = position % PERIOD
  return block.subarray(start, start + length)
}
