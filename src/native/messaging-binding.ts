import type { Credentials, NativeHandoverSocket } from './handover-binding.js'

/**
 * The writer's table of readers, of a topic or a cell. An index names a reader from `accept` or
 * `attachOwn` until `detach`, which frees it for another one.
 */
export interface NativeAttachedReaders {
  /** Further results of the calls, at the `WRITER_RESULT_…` indices. */
  readonly results: Float64Array
  /**
   * Takes the datagram with the token from the handover socket, maps the reader's segment, and sends the
   * memory of the writer through the reader's doorbell. Returns the index of the reader. `blocks`, for
   * topics only: `publish` keeps room for this reader. It must be that of the reader's constructor.
   * Throws `UNAVAILABLE` if there are `READERS_MAX` already.
   */
  accept(socket: NativeHandoverSocket, token: Uint8Array, blocks?: boolean): number
  /** Drops a reader and closes its doorbell. No effect for an index that is free. */
  detach(reader: number): void
  /**
   * Wakes the readers that sleep and have not been woken since they last armed, as `publish` and `set` do
   * anyway. Call it again after a pause while results[WRITER_RESULT_UNWOKEN] is not 0.
   */
  wake(): void
  /**
   * Marks the memory as closed, wakes all readers, detaches them and drops the memory, which readers keep. Idempotent; every other call
   * except `detach` throws `CLOSED` afterwards.
   */
  close(): void
}

/** Writes the messages of a topic. */
export interface NativeBroadcastWriter extends NativeAttachedReaders {
  /**
   * Publishes a message: `prefix` is its key, of `keyBytes`, and its headers, of at most 65,535 bytes each. `prefix` and `payload` together have at
   * most `inlineBytesMax(ringBytes)` bytes, or it throws `MESSAGE_TOO_LARGE`.
   * Returns its sequence, 1 for the first message; 0 if it waits for a blocking reader: then nothing was published.
   * Wakes sleeping readers of other processes, and adds their number to results[WRITER_RESULT_WAKES]. results[WRITER_RESULT_UNWOKEN]
   * is the number of readers that could not be woken: call `wake` later.
   * results[WRITER_RESULT_VIOLATOR] is a blocking reader that broke the rules, and for which this call did not wait: detach it. Otherwise −1.
   * Does not notify readers of `attachOwn`: the program polls them.
   */
  publish(payload: Uint8Array, prefix?: Uint8Array, keyBytes?: number): number
  /** The blocking reader with the oldest position when `publish` or `armForRoom` last found no room; −1 without any. */
  slowest(): number
  /**
   * After `publish` has returned 0: arms the room wake word. True: there is room for that message, and the word is disarmed. False: a reader
   * that makes room sees results[READER_RESULT_WRITER_WAITS], and its program wakes this one. Sets results[WRITER_RESULT_VIOLATOR].
   */
  armForRoom(): boolean
  disarmForRoom(): void
}

/** Writes the values of a cell. */
export interface NativeCellWriter extends NativeAttachedReaders {
  /**
   * Stores a value of at most `maxValueBytes`, or throws `MESSAGE_TOO_LARGE`. Returns its version, 1 for the first one. Wakes as `publish` does.
   */
  set(value: Uint8Array): number
}

/** A reader's part of the handover and of sleeping, of a topic or a cell. */
export interface NativeAttachingReader<Writer> {
  /** Further results of the calls, at the `READER_RESULT_…` indices. */
  readonly results: Float64Array
  /** Sends its segment and its doorbell to the handover socket of the writer. False: the queue is full; try again. */
  offer(socketPath: string, token: Uint8Array): boolean
  /** After `accept`: receives the writer's descriptors, only from the process of `server` if given, and maps its memory. */
  attach(server?: Credentials): void
  /**
   * Instead of `offer` and `attach`, for a writer of this thread. No descriptor is used. Returns the index in the table of the writer,
   * which does not wake this reader.
   */
  attachOwn(writer: Writer): number
  /** As `NativeEndpoint.transferDoorbell`, after `attach`. −1 after `attachOwn`. */
  transferDoorbell(): number
  /** Arms the wake word and polls. True: there is something to read, or the writer has closed; the word is disarmed. */
  arm(): boolean
  disarm(): void
  /** Drops the memory and the doorbell. Idempotent; every other call throws `CLOSED` afterwards. */
  close(): void
}

/** Reads the messages of a topic. */
export interface NativeBroadcastReader extends NativeAttachingReader<NativeBroadcastWriter> {
  /** `recordsMax` entries of `BROADCAST_DESCRIPTOR_WORDS`, which `receive` writes: offset in the target, bytes of the key, of the headers, of the body. */
  readonly descriptors: Uint32Array
  /**
   * Chooses where `receive` begins; required before it. `start` is one of `SEEK_…`: after the last message, the last message, about the
   * oldest one in the ring, or the message with `sequence`, which may be lost already. If nothing is published, all but SEEK_SEQUENCE mean the first message.
   * Returns the sequence of the first message that `receive` will deliver or count as lost. Throws a TypeError if `sequence` is beyond the next message,
   * and for a second call on a reader that blocks.
   */
  seek(start: number, sequence?: number): number
  /**
   * Fixes the end: messages that are published from now on are not received. Messages that the writer overwrites before they were read are not
   * counted as lost. Throws `CORRUPT`.
   */
  stop(): void
  /**
   * Copies messages into `target`, each as key, headers and body, at multiples of 8 (an empty one also at the end), in ascending order. Returns their number; they have consecutive sequences.
   * results[READER_RESULT_SEQUENCE] is that of the first one, and results[READER_RESULT_LOST] is the number of
   * messages lost before it, else 0. results[READER_RESULT_REQUIRED] is the length of the next message if it did not fit, otherwise −1.
   * results[READER_RESULT_CLOSED] is 1 if the writer has closed the topic and nothing more is to be read. results[READER_RESULT_PREEMPTED] as for
   * `NativeEndpoint.receive`. results[READER_RESULT_WRITER_WAITS] is 1 if the writer waits for room that this reader has made:
   * wake its program, by any channel.
   * Returns 0 with results[READER_RESULT_BEHIND] = 1 if the writer overtook the reader again and again: call it again later.
   * Polls an empty ring as `NativeEndpoint.receive` does. Throws `CORRUPT` if the writer broke the rules, after the messages before that.
   */
  receive(target: Uint8Array, spinNanos: number, yieldCpu: boolean): number
}

/** Reads the value of a cell. */
export interface NativeCellReader extends NativeAttachingReader<NativeCellWriter> {
  /**
   * Copies the newest value into `target` and returns its length. If that is longer than `target`, nothing was copied: call it again.
   * results[READER_RESULT_VERSION] is its version; 0 if no value was stored, whose length is 0. results[READER_RESULT_CLOSED] is 1 if the
   * writer has closed the cell: the value is the last one.
   * Returns −1 if the writer overtook the reader again and again: call it again later.
   * `arm` afterwards compares with this version.
   */
  get(target: Uint8Array): number
  /** The newest version, without its value. */
  version(): number
}

/** The classes of topics and cells. Undefined on Windows, where those use sockets. */
export interface MessagingBinding {
  /** The readers of one writer. */
  readonly READERS_MAX: number
  readonly BROADCAST_DESCRIPTOR_WORDS: number
  readonly SEEK_NEXT: number
  readonly SEEK_LAST: number
  readonly SEEK_OLDEST: number
  readonly SEEK_SEQUENCE: number
  readonly WRITER_RESULT_WAKES: number
  readonly WRITER_RESULT_UNWOKEN: number
  readonly WRITER_RESULT_VIOLATOR: number
  readonly READER_RESULT_SEQUENCE: number
  readonly READER_RESULT_VERSION: number
  readonly READER_RESULT_LOST: number
  readonly READER_RESULT_REQUIRED: number
  readonly READER_RESULT_CLOSED: number
  readonly READER_RESULT_PREEMPTED: number
  readonly READER_RESULT_WRITER_WAITS: number
  readonly READER_RESULT_BEHIND: number
  /** `ringBytes` is a power of two from 64 KiB to 1 GiB. */
  BroadcastWriter?: new (options: {
    ringBytes: number
  }) => NativeBroadcastWriter
  BroadcastReader?: new (options: {
    /** From 1 to 65,536. */
    recordsMax: number
    /** The writer waits for this reader. */
    blocks: boolean
  }) => NativeBroadcastReader
  /** `maxValueBytes` is at most 268,435,448: a quarter of 1 GiB less 8 bytes. The memory takes four times as much. */
  CellWriter?: new (options: {
    maxValueBytes: number
  }) => NativeCellWriter
  CellReader?: new () => NativeCellReader
}
