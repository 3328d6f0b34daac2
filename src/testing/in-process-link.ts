import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'
import { setImmediate } from '../host.js'
import { type Link, type LinkSink, type LinkStats, newLinkStats } from '../link/link.js'
import { assumedOwnUser, type Peer } from '../peer.js'
import { endsBatch } from '../wire/record-kind.js'

/** At most so many records are delivered in one turn of the event loop, so that timers and sockets also run. */
const RECORDS_PER_TURN = 64

interface Item {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

/**
 * Creates two links that are connected inside this process. In each direction up to `capacityBytes` may wait, or one record that
 * is longer.
 */
export function createInProcessLinks(capacityBytes: number): [Link, Link] {
  const left = new InProcessLink(capacityBytes)
  const right = new InProcessLink(capacityBytes)
  left.join(right)
  right.join(left)
  return [left, right]
}

type LinkEnd = 'none' | 'ended' | 'destroyed'

class InProcessLink implements Link {
  readonly transport = 'unix'
  readonly peer: Peer = {
    pid: process.pid,
    uid: process.geteuid?.(),
    gid: process.getegid?.(),
    verified: true,
  }
  readonly #capacityBytes: number
  readonly #stats: LinkStats = newLinkStats()
  #other!: InProcessLink
  #sink: LinkSink | undefined
  /** Records that the other side has written and that this side has not delivered. */
  readonly #incoming = new Fifo<Item>()
  #incomingBytes = 0
  #turn: NodeJS.Immediate | undefined
  #paused = false
  #wantsRoom = false
  #end: LinkEnd = 'none'
  #closed = false

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
    // Its uid says so, except on Windows.
    assumedOwnUser.add(this.peer)
  }

  join(other: InProcessLink): void {
    this.#other = other
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    this.#schedule()
  }

  write(kind: number, id: number, payload: Uint8Array): number {
    const other = this.#other
    if (other.#incoming.length > 0 && other.#incomingBytes + payload.length > this.#capacityBytes) {
      this.#stats.fullWaits += 1
      this.#wantsRoom = true
      return -1
    }
    other.#incoming.push({ kind, id, payload: Buffer.from(payload) })
    other.#incomingBytes += payload.length
    this.#stats.highWaterBytes = Math.max(this.#stats.highWaterBytes, other.#incomingBytes)
    other.#schedule()
    return payload.length
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  end(): void {
    if (this.#end === 'none') this.#end = 'ended'
    this.#other.#schedule()
    this.#schedule()
  }

  destroy(): void {
    this.#end = 'destroyed'
    this.#closed = true
    this.#incoming.clear()
    this.#other.#schedule()
  }

  /** A waiting record keeps the process alive, because its delivery is scheduled. An idle link does not. */
  ref(): void {}
  unref(): void {}

  stats(): LinkStats {
    return { ...this.#stats, depthBytes: this.#other.#incomingBytes }
  }

  #schedule(): void {
    if (this.#sink === undefined || this.#closed || this.#turn !== undefined) return
    this.#turn = setImmediate(() => {
      this.#turn = undefined
      if (this.#closed) return
      let thrown = true
      try {
        this.#deliver(this.#sink as LinkSink)
        thrown = false
      } finally {
        // A listener that throws must not hold back the next records, the room or the end.
        if (thrown || (!this.#paused && this.#incoming.length > 0)) this.#schedule()
      }
    })
  }

  #deliver(sink: LinkSink): void {
    const peerGone = this.#other.#end === 'destroyed'
    if (peerGone) this.#paused = false
    let inBatch = false
    for (let count = 0; count < RECORDS_PER_TURN && !this.#paused && !this.#closed; count += 1) {
      const item = this.#incoming.first
      if (item === undefined) break
      if (inBatch && endsBatch(item.kind)) {
        inBatch = false
        sink.batchEnd?.()
        continue
      }
      inBatch = !endsBatch(item.kind)
      this.#incoming.shift()
      this.#incomingBytes -= item.payload.length
      if (this.#other.#wantsRoom) this.#other.#schedule()
      this.#paused = !sink.record(item.kind, item.id, item.payload) && !peerGone
    }
    if (inBatch) sink.batchEnd?.()
    if (this.#closed) return
    if (this.#wantsRoom && this.#other.#incomingBytes * 2 <= this.#capacityBytes) {
      this.#wantsRoom = false
      sink.drain()
    }
    if (this.#incoming.length > 0 || this.#closed) return
    const otherEnd = this.#other.#end
    if (otherEnd === 'destroyed')
      this.#close(new ShmwireError(ErrorCode.PEER_GONE, 'the peer is gone: its channel was destroyed'))
    else if (otherEnd === 'ended' && this.#end === 'ended') this.#close(undefined)
  }

  #close(error: ShmwireError | undefined): void {
    this.#closed = true
    this.#sink?.close(error)
  }
}
