import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'
import { endsBatch, type Link, type LinkSink, type LinkStats, newLinkStats, type Peer } from './link.js'

/** Records delivered in one turn of the event loop, so that timers and sockets get theirs. */
const RECORDS_PER_TURN = 64

interface Item {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

/**
 * Two links joined inside one process, for tests: the same contract with nothing below it. Up to
 * `capacityBytes` may be on the way in each direction, or one record that is longer.
 */
export function createMemoryLinks(capacityBytes: number): [Link, Link] {
  const left = new MemoryLink(capacityBytes)
  const right = new MemoryLink(capacityBytes)
  left.join(right)
  right.join(left)
  return [left, right]
}

type Ending = 'no' | 'ended' | 'destroyed'

class MemoryLink implements Link {
  readonly transport = 'memory'
  readonly peer: Peer = {
    pid: process.pid,
    uid: process.geteuid?.(),
    gid: process.getegid?.(),
    verified: true,
  }
  readonly #capacityBytes: number
  readonly #stats: LinkStats = newLinkStats()
  #other!: MemoryLink
  #sink: LinkSink | undefined
  /** Written by the other side and not yet delivered here. */
  readonly #incoming = new Fifo<Item>()
  #incomingBytes = 0
  #turn: NodeJS.Immediate | undefined
  #paused = false
  #wantsRoom = false
  #ending: Ending = 'no'
  #closed = false

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
  }

  join(other: MemoryLink): void {
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
    if (this.#ending === 'no') this.#ending = 'ended'
    this.#other.#schedule()
    this.#schedule()
  }

  destroy(): void {
    this.#ending = 'destroyed'
    this.#closed = true
    this.#incoming.clear()
    this.#other.#schedule()
  }

  /** A record on the way keeps the process alive by its turn; an idle link has nothing that could. */
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
        // A listener that throws must keep back neither the records behind it nor the room and the end.
        if (thrown || (!this.#paused && this.#incoming.length > 0)) this.#schedule()
      }
    })
  }

  #deliver(sink: LinkSink): void {
    const peerGone = this.#other.#ending === 'destroyed'
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
    const otherEnding = this.#other.#ending
    if (otherEnding === 'destroyed')
      this.#close(new ShmwireError(ErrorCode.PEER_GONE, 'the other side was destroyed'))
    else if (otherEnding === 'ended' && this.#ending === 'ended') this.#close(undefined)
  }

  #close(error: ShmwireError | undefined): void {
    this.#closed = true
    this.#sink?.close(error)
  }
}
