import type { ShmwireError } from '../errors.js'

/** How the records of a channel travel. */
export type Transport = 'shm' | 'unix' | 'memory'

/**
 * What a record is to the channel. A link carries kinds without looking at them.
 * Values 1 to 255 belong to the channel; 256 and above to the links' own frames (docs/protocol.md).
 */
export const RecordKind = {
  MESSAGE: 1,
  REQUEST: 2,
  REPLY: 3,
  ERROR: 4,
  CANCEL: 5,
  /** The sender sends nothing after it. */
  CLOSE: 6,
  /** What the sender's codec tells the receiver's, before a message that needs it. */
  CODEC: 7,
} as const

/**
 * The process at the other end, as far as known. `verified` says whether the kernel vouches for `pid` and `uid`. An id of a
 * user or group that this process's user namespace does not map is undefined, and such a user is not verified.
 */
export interface Peer {
  readonly pid: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly verified: boolean
}

/** Counters of a link since its start. Bytes are those of payloads. */
export interface LinkStats {
  /** Times this side rang the peer awake. */
  wakesSent: number
  /** Times the peer rang this side awake. */
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

/** What links lend, of all channels: whoever keeps a view of one of these must copy it. */
export const lentMemories = new WeakSet<ArrayBufferLike>()

/** Where a link delivers. Implemented by the channel. */
export interface LinkSink {
  /**
   * One record, in the order of writing. `payload` is memory of the receiver and nobody changes it later, unless the link `lends`.
   * Returns false to pause the link: it delivers no further record until `resume()`, or until it learns that the
   * peer is gone, whose last records then come all the same, and the close behind them. An exception is the user's: it passes through, and the link goes on with the next record in a later turn.
   */
  record(kind: number, id: number, payload: Buffer): boolean
  /** What was there has been given, for now: the end of a batch. */
  batchEnd?(): void
  /** There is room again, after `write` had returned less than the whole. */
  drain(): void
  /**
   * Once, last. Without an error: both sides ended. With `PEER_GONE` (all that the peer had committed
   * was delivered before), `CORRUPT`, …: the link broke. Not called after `destroy()`.
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
  /**
   * Payloads may lie in the peer's memory: read-only, changed by a peer that breaks the rules, and good until `batchEnd` returns,
   * or `record` throws.
   */
  readonly lends?: boolean
  /** Begins delivery; until then records wait. Called once, never from inside a call of the sink. */
  start(sink: LinkSink): void
  /**
   * Writes `payload` from `offset` on, as far as there is room, and returns the new offset; −1 when nothing
   * was written for want of room. A payload of at most `inlineBytesMax` is written whole or not at all. What was
   * written may be reused by the caller at once. After anything less than the whole, `drain` follows, and until
   * the rest of this payload is written no other record may be. The caller has checked the size.
   */
  write(kind: number, id: number, payload: Uint8Array, offset: number): number
  /**
   * Room in the link's own memory for a record of up to `bytes` of payload, to be filled in place. Undefined: there is no room,
   * after which `drain` follows. Nothing else may be written before `commit` or `abort`. Absent where a link has no such memory.
   */
  claim?(bytes: number): Uint8Array | undefined
  /** The longest payload that `claim` takes; −1 where it takes none. */
  readonly claimBytesMax?: number
  /** Makes a record of the first `bytes` of what was claimed. */
  commit?(kind: number, id: number, bytes: number): void
  /** Gives the claim up. */
  abort?(): void
  /** Ends the pause that a false from `record` began. May deliver only in a later turn. */
  resume(): void
  /**
   * No more writes. Called when this side has written its last record and has had the peer's. What was written is
   * still delivered to the peer; when both sides have ended, `close` follows without an error.
   */
  end(): void
  /** Gives everything back at once: descriptors, mappings, sockets. Idempotent. */
  destroy(): void
  /**
   * Blocks this thread, at most `timeoutMs`, until records were delivered, `drain` was called (with `forRoom`), or the link
   * has closed; it may return sooner, so look again. Absent where a thread cannot wait without its event loop. Never from
   * inside a call of the sink, but for calls that the sink's owner makes for its user.
   */
  waitSync?(forRoom: boolean, timeoutMs: number): void
  /** Throws `INVALID_ARGUMENT` where `waitSync` cannot be called at present: while a listener looks at what the link lends. */
  assertMayWait?(): void
  ref(): void
  unref(): void
  stats(): LinkStats
}
