import type { ShmwireError } from '../errors.js'
import type { Peer } from '../peer.js'
import type { Transport } from '../transport.js'
import type { Direction } from '../wire/agreement.js'

/** Counters of a link since its start. Bytes are those of payloads. */
export interface LinkStats {
  /** Times this side woke the peer. */
  wakesSent: number
  /** Times the peer woke this side. */
  wakesReceived: number
  /** Turns of the event loop spent polling that found nothing. */
  spins: number
  /** Times a write found no room. */
  fullWaits: number
  /** Bytes written and not yet read by the peer, as far as this side knows. */
  depthBytes: number
  /** The largest `depthBytes` seen. */
  highWaterBytes: number
}

export function newLinkStats(): LinkStats {
  return { wakesSent: 0, wakesReceived: 0, spins: 0, fullWaits: 0, depthBytes: 0, highWaterBytes: 0 }
}

/** The receiver of a link's records. */
export interface LinkSink {
  /**
   * One record, in the order of writing. The payload belongs to the receiver and does not change later,
   * unless the link `borrowsPeerMemory`. Returns false to pause the link: it delivers no record until
   * `resume()`, or until the peer is gone; then its last records follow, and `close`. An exception
   * comes from the user: it propagates, and the link continues with the next record in a later turn.
   */
  record(kind: number, id: number, payload: Buffer): boolean
  /**
   * The messages since the last call are a batch. Called when no further record is available,
   * before a record that `endsBatch`, and before `waitSync` reads on. The next record is not consumed
   * yet: it follows even if this call throws or blocks.
   */
  batchEnd?(): void
  /** There is room again, after `write` returned less than the whole. */
  drain(): void
  /**
   * Once, last. Without an error: both sides ended. With `PEER_GONE` (every record that the peer
   * committed was delivered before), `CORRUPT`, …: the link failed. Not called after `destroy()`.
   */
  close(error?: ShmwireError): void
}

/**
 * An ordered, reliable, framed, duplex carrier of records with back-pressure.
 * Every implementation passes test/conformance.
 */
export interface Link {
  readonly transport: Transport
  readonly peer: Peer
  /** Records travel in one direction only, as this side sees it. Absent: in both. */
  readonly direction?: Direction | undefined
  /**
   * Payloads may lie in the peer's memory: read-only, changed by a peer that breaks the protocol, and
   * valid until `batchEnd` returns or `record` throws.
   */
  readonly borrowsPeerMemory?: boolean
  /** Begins delivery; until then records wait. Called once, never from inside a call of the sink. */
  start(sink: LinkSink): void
  /**
   * Writes `payload` from `offset` on, as far as there is room, and returns the new offset; −1 if there
   * was no room. The caller may reuse the written bytes at once. After less than the whole, `drain`
   * follows, and the rest of this payload must be written before any other record. The caller has
   * checked the size. `owned`: the caller never changes `payload` before `afterFlush` reports its record,
   * nor after the link has failed, so the link may keep it instead of a copy.
   */
  write(kind: number, id: number, payload: Uint8Array, offset: number, owned?: boolean): number
  /**
   * Whether the peer has made room since `write` returned less than the whole. Absent: it makes room only
   * between two turns of the event loop.
   */
  hasRoom?(): boolean
  /**
   * Like `write` of a whole payload, but a short record can wait until `flush`, the next record that is written, or the end of the turn, and
   * is lost if this process ends before. Absent: `write` already sends the records of a turn together.
   */
  stage?(kind: number, id: number, payload: Uint8Array): number
  /** Writes the staged records, as far as there is room. False: the rest follows as soon as there is more, and `drain` then. */
  flush?(): boolean
  /**
   * Calls `flushed` when everything that was written before will reach the peer even if this process ends now; not at all if the link
   * ends earlier. `flushed` can run within a later `write`, between two parts of its record, so it must not write. Absent: written records
   * always reach it, unless they are staged.
   */
  afterFlush?(flushed: () => void): void
  /**
   * Room in the link's own memory for a payload of up to `bytes`, to be filled in place. Undefined:
   * there is no room, and `drain` follows. Nothing else may be written before `commit` or `abort`.
   * Absent if the link has no such memory.
   */
  claim?(bytes: number): Uint8Array | undefined
  /** The longest payload that `claim` accepts; −1 if it accepts none. */
  readonly claimBytesMax?: number
  /** Writes the first `bytes` of the claim as a record. */
  commit?(kind: number, id: number, bytes: number): void
  /** Releases the claim. */
  abort?(): void
  /** Ends the pause that `record` began with false. Delivers only in a later turn. */
  resume(): void
  /**
   * No more writes. Called after this side has written its last record and has received the peer's. The
   * written records still reach the peer; when both sides have ended, `close` follows without an error.
   */
  end(): void
  /** Releases everything at once: descriptors, mappings, sockets. Idempotent. */
  destroy(): void
  /**
   * Blocks this thread, at most `timeoutMs`, until records were delivered, `drain` was called (with
   * `forRoom`), or the link has closed. It may return earlier, so check again. Absent if a thread
   * cannot wait without its event loop. Called from inside the sink only for a call of the user.
   */
  waitSync?(forRoom: boolean, timeoutMs: number): void
  /** Throws `INVALID_STATE` while `waitSync` is not possible: while a listener reads the peer's memory. */
  assertMayWait?(): void
  ref(): void
  unref(): void
  stats(): LinkStats
}
