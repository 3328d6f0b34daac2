import type { Credentials, NativeHandoverSocket } from './handover-binding.js'
import type { MessagingBinding } from './messaging-binding.js'

export type { Credentials, NativeHandoverSocket } from './handover-binding.js'

/**
 * The addon's declaration; messaging-binding.ts has the classes of topics and cells, and handover-binding.ts what both use. The addon checks
 * all arguments: it throws a TypeError for a wrong one, and a NativeError for a failure. No call keeps a pointer into an argument after it
 * has returned.
 */
export interface NativeError extends Error {
  /** One of ErrorCode. */
  code: string
  /** The operating system's error number, if the system was the cause. */
  errno?: number
}

export interface NativeEndpoint {
  /** `recordsMax` entries, which `receive` writes: kind, id, offset in the target, length. */
  readonly descriptors: Uint32Array
  /** Further results of the calls below, at the `RESULT_…` indices. */
  readonly results: Float64Array

  /** Client: sends its segment and its doorbell to the handover socket. False: the queue is full. */
  offerHandles(socketPath: string, token: Uint8Array): boolean
  /**
   * Server: takes the datagram with the token, maps the client's segment, and sends its own
   * descriptors through the client's doorbell.
   */
  acceptHandles(socket: NativeHandoverSocket, token: Uint8Array): void
  /**
   * Client: receives the server's descriptors from its doorbell, and only from the process of
   * `server` if given. Maps the segment.
   */
  attachPeer(server?: Credentials): void
  /**
   * Transfers a descriptor to the event loop, which it wakes by becoming readable. The event loop
   * must close it before `close`, which closes it only if it is still open. Once, after
   * `acceptHandles` or `attachPeer`; −1 the second time. On Windows it is a handle for a
   * DoorbellWatch, and `close` closes it.
   */
  transferDoorbell(): number

  /** The kind and id for `write` and `commit`, at the `RECORD_…` indices. */
  readonly record: Uint32Array
  /**
   * Writes and publishes payload[offset..] (by default all of it) as records of the kind and id in
   * `record`, as far as there is room. A payload of at most `inlineBytesMax()` is written whole or
   * not at all. Without room, a ring that can grow takes the next step of its growth.
   * results[RESULT_WRITTEN] is the new offset; −1 if there was no room.
   * Wakes the peer's event loop if it sleeps, and counts that in results[RESULT_WAKES]. So do
   * `commit`, `receive`, `release` and `assemble`.
   */
  write(payload: Uint8Array, offset?: number): void
  /**
   * Writes whole messages, as many as there is room for, and publishes them together. They are in records[0..length], each with the header
   * that it has in a ring, without flags and sequence, and padded to 16 bytes. results[RESULT_WRITTEN] is how many bytes of them are written.
   */
  writeRecords(records: Uint8Array, length: number): void
  /**
   * Reserves room for a record of up to `bytes` of payload, at most `inlineBytesMax()`. Returns the
   * offset of the payload in `ownMemory`; −1 if there is no room. Write nothing else before
   * `commit` or `abort`.
   */
  claim(bytes: number): number
  /** Publishes the first `bytes` of the claim as a record, as `write` does. */
  commit(bytes: number): void
  /** Drops the claim. Idempotent. */
  abort(): void
  /**
   * This side's ring, which contains the claims; undefined if the runtime allows no buffer over
   * foreign memory. The buffer and its memory outlive the endpoint. If JavaScript transfers the
   * buffer, this one is detached.
   */
  ownMemory(): ArrayBuffer | undefined
  /** The peer's ring, as `ownMemory`; `close` detaches it. A write to it ends the process. */
  peerMemory(): ArrayBuffer | undefined
  /** Copies from the peer's ring to `target`, for after `peerMemory` was transferred. */
  copyFromPeer(offset: number, target: Uint8Array): void
  /** The longest payload of one record. It increases once, when the ring grows during a `write` or `claim`. */
  inlineBytesMax(): number
  /** Whether there is room for a payload of `bytes`, or for its first fragment. */
  hasRoom(bytes: number): boolean
  /** Arms the room wake word. True: there is room, and the word is disarmed again. */
  armForRoom(bytes: number): boolean
  disarmForRoom(): void

  /**
   * Copies whole messages into `target` from `offset` on, and releases them. Returns their number;
   * `descriptors` describes them. results[RESULT_REQUIRED] is the length of the next message if it
   * did not fit, otherwise −1.
   * results[RESULT_FRAGMENTED] is 1 if `assemble` must receive it. results[RESULT_OFFSET] is the
   * first free offset in `target`; payloads start at multiples of 8.
   * Polls an empty ring for up to `spinNanos` nanoseconds before it returns 0; with `yieldCpu`, it
   * then yields the core once. results[RESULT_PREEMPTED] is 1 if another program took the core and
   * kept it for long.
   * While a fragmented message is incomplete, it returns 0, and reports that message whenever a
   * further fragment has arrived.
   */
  receive(target: Uint8Array, offset: number, spinNanos: number, yieldCpu: boolean): number
  /**
   * As `receive`, but copies nothing: the offsets in `descriptors` are offsets in `peerMemory`,
   * where the payloads stay until `release`.
   */
  receiveInPlace(spinNanos: number, yieldCpu: boolean): number
  /** Releases the messages of `receiveInPlace`. */
  release(): void
  /**
   * Copies further fragments into `target`, which must have the required length. Polls an empty
   * ring as `receive` does. Returns how many bytes have arrived; when all have, descriptors[0] and
   * [1] are the kind and id.
   */
  assemble(target: Uint8Array, spinNanos: number, yieldCpu: boolean): number
  /** Arms the data wake word and polls. True: there is data, and the word is disarmed. */
  armForData(): boolean
  disarmForData(): void

  /**
   * Blocks this thread until there is data (with `forData`) or room for `roomBytes` (unless 0), for
   * at most `timeoutNanos`. `controlSocket` is a descriptor that hangs up when the peer ends. On
   * Windows it has no effect: the wait watches the process of the peer.
   * Returns one of `WAIT_…`. Both words are disarmed afterwards, except after WAIT_INTERRUPTED.
   */
  wait(forData: boolean, roomBytes: number, timeoutNanos: number, controlSocket: number): number
  /** Continues a wait that returned WAIT_INTERRUPTED. Make no other call in between. */
  continueWait(): number

  /**
   * This side was woken from a wait of `waitedNanos`. Returns how much of that time the wake-ups of
   * both sides took: 0 if unknown, and at most `waitedNanos`.
   */
  woken(waitedNanos: number): number
  /**
   * How much of a wait of `waitedNanos`, which continues, the wake-up of the peer took: 0 if this
   * side did not wake it, and while it is not awake.
   */
  peerWakeNanos(waitedNanos: number): number

  /** Polls the peer's ring for the last time: later calls find no new data. */
  freeze(): void
  /** Bytes that are published and that the peer has not released. */
  depthBytes(): number
  /**
   * Closes all descriptors, wakes a blocked peer, and drops both segments; they are unmapped once
   * no buffer exposes them. Idempotent; every other call throws afterwards.
   */
  close(): void
}

/** Both ends of a doorbell in one process, to test the event loop of this runtime. */
export interface NativeDoorbell {
  /** As `NativeEndpoint.transferDoorbell`. Throws a TypeError the second time. */
  transfer(): number
  /** Wakes the event loop. */
  wake(): void
  /** Closes both ends, unless the event loop has closed its own. Idempotent. */
  close(): void
}

/** Calls a function in the event loop after wake-ups, once for several that arrive together. */
export interface NativeDoorbellWatch {
  /** Idempotent. No call follows. */
  close(): void
}

export interface NativeBinding extends MessagingBinding {
  readonly LAYOUT_VERSION: number
  readonly DESCRIPTOR_WORDS: number
  /** There is data or room, as requested. */
  readonly WAIT_READY: number
  readonly WAIT_TIMEOUT: number
  /** The peer has closed its end, and no data is left. */
  readonly WAIT_CLOSED: number
  /** The peer's process has ended, and no data is left. */
  readonly WAIT_PEER_GONE: number
  /** At least every 50 ms, so that a thread can be terminated. Call `continueWait`. */
  readonly WAIT_INTERRUPTED: number
  readonly RESULT_WAKES: number
  readonly RESULT_REQUIRED: number
  readonly RESULT_FRAGMENTED: number
  readonly RESULT_OFFSET: number
  readonly RESULT_WRITTEN: number
  readonly RESULT_PREEMPTED: number
  readonly RECORD_KIND: number
  readonly RECORD_ID: number
  readonly RECORD_HEADER_BYTES: number
  /** The longest payload of one record in a ring of `ringBytes` that has grown. */
  inlineBytesMax(ringBytes: number): number
  /**
   * Memory of `bytes` from the pool of this thread, with old bytes. It returns to the pool when it was collected, and cannot be transferred
   * to another thread. Undefined: allocate it otherwise.
   */
  takeMemory(bytes: number): ArrayBuffer | undefined
  /**
   * Releases memory of the pool that was not used since the last call. False if there was no `takeMemory` at all: the pool is empty, and
   * keeps nothing until the next one.
   */
  trimMemory(): boolean
  /** Creates and seals the own segment. Its ring begins with 64 KiB, and grows once to `ringBytes`. */
  Endpoint: new (options: {
    ringBytes: number
    maxMessageBytes: number
    recordsMax: number
    /** 16 bytes. On Windows the token of the handover; of the server, its complement. Default: random. */
    memoryId?: Uint8Array
  }) => NativeEndpoint
  /** Binds a datagram socket at `path`, which must not exist. */
  HandoverSocket: new (
    path: string,
  ) => NativeHandoverSocket
  Doorbell: new () => NativeDoorbell
  /** On Windows only. `doorbell` is a result of `transferDoorbell`. Does not keep the process alive. */
  DoorbellWatch?: new (
    doorbell: number,
    onWake: () => void,
  ) => NativeDoorbellWatch
  /**
   * On Windows only: the id of the process that serves a named pipe. Throws `DENIED` if it is not a process of this user. Undefined: all
   * instances of the pipe are in use; try again.
   */
  pipeServer?: (path: string) => number | undefined
  /** SO_PEERCRED of a connected Unix socket. */
  peerCredentials(fd: number): Credentials
  /**
   * Stops the transfer of descriptors to this Unix socket and to all that it accepts
   * (SO_PASSRIGHTS; no effect before Linux 6.16). Throws `CORRUPT` if some are queued already: then
   * `fd` is a socket that has hung up.
   */
  refuseDescriptors(fd: number): void
}
