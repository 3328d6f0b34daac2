/** The ring of a topic, as the publisher's process uses it: native-ring.ts is in shared memory, plain-ring.ts is not. */
import type { NativeHandoverSocket } from '../../native/binding.js'

/** The place at which a reader begins: a word, or the sequence of a message. */
export type RingStart = 'next' | 'last' | 'oldest' | number

/** A message has at most this part of a ring. */
export const MESSAGE_PART = 8

/** Words of a message in `descriptors`: offset in the target, bytes of the key, of the headers, of the body. */
export const DESCRIPTOR_WORDS = 4

export interface RingWriter {
  /** The longest message, with its key and headers. */
  readonly messageBytesMax: number
  /** Times that sleeping readers were woken. */
  readonly wakes: number
  /** Returns the sequence of the message; 0 if it waits for a blocking reader. The caller has checked the length. */
  publish(payload: Uint8Array, prefix: Uint8Array, keyBytes: number): number
  /** The blocking reader with the oldest position; −1 without any. */
  slowest(): number
  /** After `publish` has returned 0. True: there is room for that message now. False: a reader that makes room sees `writerWaits`. */
  armForRoom(): boolean
  /** A reader in this process. Throws `UNAVAILABLE` if there are too many. */
  createReader(blocks: boolean): OwnReader
  /** Attaches a reader of another process; see NativeAttachedReaders. Throws errors of the addon. */
  accept(socket: NativeHandoverSocket, token: Uint8Array, blocks: boolean): number
  /** No effect for an index that is free. */
  detach(reader: number): void
  /** Readers read the rest. Idempotent. */
  close(): void
}

export interface RingReader {
  readonly descriptors: Uint32Array
  /** The results of `receive`: the sequence of the first message, and how many were lost before it. */
  readonly firstSequence: number
  readonly lost: number
  /** The length of the next message if it did not fit; otherwise −1. */
  readonly requiredBytes: number
  /** The writer has closed, and nothing more is to be read. */
  readonly closed: boolean
  /** The writer waits for room that this reader has made: notify its program. */
  readonly writerWaits: boolean
  /** Returns the sequence of the first message that will be delivered or counted as lost. The caller has checked that it exists or is next. */
  seek(start: RingStart): number
  /** Copies messages into `target`; see NativeBroadcastReader. Returns their number. Throws `CORRUPT`. */
  receive(target: Uint8Array, spinNanos: number, yieldCpu: boolean): number
  close(): void
}

/** A reader in the process of the writer. */
export interface OwnReader extends RingReader {
  /** In the table of the writer. */
  readonly index: number
}
