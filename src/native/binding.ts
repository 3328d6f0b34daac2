/**
 * The addon's only declaration. Everything here is checked by the addon itself: a wrong argument throws a
 * TypeError, a failure throws a NativeError. No call keeps a pointer into an argument after it has returned.
 */
export interface NativeError extends Error {
  /** One of ErrorCode. */
  code: string
  /** The operating system's error number, where it was the cause. */
  errno?: number
}

export interface Credentials {
  pid: number
  uid: number
  gid: number
}

/** A server's datagram socket beside its control socket, through which clients hand over descriptors. */
export interface NativeInbox {
  /**
   * Lets a datagram with this 16-byte token in, and only from `sender`, where given. All other datagrams are dropped, their
   * descriptors closed.
   */
  expect(token: Uint8Array, sender?: Credentials): void
  /** Forgets the token and what came with it. Idempotent. */
  discard(token: Uint8Array): void
  /**
   * Reads what is queued, for about 1 ms at most, so that a client that found the inbox full can try again. False: nothing was
   * read, because the last call took that long and was a few milliseconds ago.
   */
  drain(): boolean
  /**
   * Reads as `drain` does, until what was expected under the token is there. False: more is queued before it; call again in a few
   * milliseconds. True: `acceptHandles` has it, or knows that it was not sent.
   */
  settle(token: Uint8Array): boolean
  /** Closes the socket and all that it holds. Does not unlink the path. Idempotent. */
  close(): void
}

export interface NativeEndpoint {
  /** `recordsMax` entries of `DESCRIPTOR_WORDS` words: kind, id, offset in the target, length. Written by `receive`. */
  readonly descriptors: Uint32Array
  /** The second results of the calls below, at the `SIGNAL_…` indices. */
  readonly signals: Float64Array

  /** Client: sends own segment's descriptor and its bell to the inbox. False: the inbox is full. */
  offerHandles(inboxPath: string, token: Uint8Array): boolean
  /** Server: takes what came with the token, maps the peer's segment and sends its own descriptor and bell back through the client's bell. */
  acceptHandles(inbox: NativeInbox, token: Uint8Array): void
  /** Client: takes the server's descriptors from its bell, and only from the process of `server`, where given. Maps the segment. */
  attachPeer(server?: Credentials): void
  /**
   * A descriptor that becomes readable when the peer rings, for the event loop to listen to. Whoever does closes it before `close`,
   * which closes what nobody else has. Once, after `acceptHandles` or `attachPeer`; −1 the second time.
   */
  lendBell(): number

  /** What `write` is to write, at the `RECORD_…` indices. */
  readonly record: Uint32Array
  /**
   * Writes payload[offset..] (all of it by default) as records of the kind and id in `record`, as far as there is room, and
   * publishes them. A payload of at most `inlineBytesMax` is written whole or not at all.
   * signals[SIGNAL_WRITTEN] is the new offset; −1 when nothing could be written for want of room.
   * Rings the peer's bell if it sleeps, as do `commit`, `receive`, `release` and `assemble`, and counts that in
   * signals[SIGNAL_RINGS].
   */
  write(payload: Uint8Array, offset?: number): void
  /**
   * Room for a record of up to `bytes` of payload, at most `inlineBytesMax`: the offset of the payload in `ownMemory`; −1 when
   * there is no room. Nothing else may be written before `commit` or `abort`.
   */
  claim(bytes: number): number
  /** Makes a record of the first `bytes` of what was claimed, as `write` does. */
  commit(bytes: number): void
  /** Gives the claim up. Idempotent. */
  abort(): void
  /**
   * This side's ring, where claims lie; undefined where the runtime allows no buffer over foreign memory.
   * The buffer and its memory outlive the endpoint. JavaScript may transfer it: then it is detached here.
   */
  ownMemory(): ArrayBuffer | undefined
  /** The same of the peer's ring, but `close` detaches it. Writing to it ends the process: the memory is read-only. */
  peerMemory(): ArrayBuffer | undefined
  /** Fills `target` from `offset` of the peer's ring: for messages in place whose `peerMemory` was transferred. */
  copyFromPeer(offset: number, target: Uint8Array): void
  /** Whether a payload of `bytes` (or a first fragment of it) could be written now. */
  hasRoom(bytes: number): boolean
  /** Arms the room wake word and looks again. True: there is room for `bytes` of payload (or a first fragment) now, and the word is disarmed. */
  armForRoom(bytes: number): boolean
  disarmForRoom(): void

  /**
   * Copies whole messages into `target` from `offset` on and releases them. Returns how many; their
   * descriptors are in `descriptors`. When the next message did not fit: signals[SIGNAL_REQUIRED] holds its
   * bytes, else −1; signals[SIGNAL_FRAGMENTED] = 1 when it must be taken with `assemble`.
   * signals[SIGNAL_OFFSET] is the first free offset in `target`; payloads start at multiples of 8.
   * Empty: looks for up to `spinNanos` nanoseconds before it returns 0; with `yieldCpu` it gives the core away once when it found nothing.
   * signals[SIGNAL_CORE_LOST] = 1 when another program took the core that was given away, and kept it for long.
   * While a fragmented message is being assembled: returns 0, and reports it again whenever a further fragment is there.
   */
  receive(target: Uint8Array, offset: number, spinNanos: number, yieldCpu: boolean): number
  /**
   * As `receive`, but nothing is copied: the offsets in `descriptors` are of `peerMemory`, where the payloads stay until `release`.
   */
  receiveInPlace(spinNanos: number, yieldCpu: boolean): number
  /** Gives back what `receiveInPlace` has shown. */
  release(): void
  /**
   * Copies further fragments into `target`, whose length is the required one; when there is none, looks as `receive` does.
   * Returns how many bytes of it are there; when all are, its kind and id are in descriptors[0], [1].
   */
  assemble(target: Uint8Array, spinNanos: number, yieldCpu: boolean): number
  /** Arms the data wake word and looks again. True: there is data now, and the word is disarmed. */
  armForData(): boolean
  disarmForData(): void

  /**
   * Blocks this thread until there is data (with `forData`) or room for `roomBytes` (unless 0), for at most `timeoutNanos`.
   * `controlSocket` is the descriptor that tells whether the peer lives.
   * Returns one of `WAIT_…`. Both words are disarmed afterwards, except after WAIT_INTERRUPTED.
   */
  wait(forData: boolean, roomBytes: number, timeoutNanos: number, controlSocket: number): number
  /** Goes on with a wait that returned WAIT_INTERRUPTED. No other call may come in between. */
  continueWait(): number

  /** Looks at the peer's ring for the last time: what it publishes from now on is not seen. */
  freeze(): void
  /** Bytes published and not yet read by the peer. */
  depthBytes(): number
  /**
   * Closes all descriptors, wakes a blocked peer, and gives both segments up; they are unmapped when no buffer shows them either.
   * Idempotent; every other call throws afterwards.
   */
  close(): void
}

/** Both ends of a doorbell in one process: shows whether the event loop of this runtime reports one. */
export interface NativeBell {
  /** The descriptor for the event loop to watch, as `NativeEndpoint.lendBell`. Throws a TypeError the second time. */
  lend(): number
  ring(): void
  /** Closes both ends, unless the event loop has closed its own. Idempotent. */
  close(): void
}

export interface NativeBinding {
  readonly LAYOUT_VERSION: number
  readonly DESCRIPTOR_WORDS: number
  /** There is what `wait` waited for. */
  readonly WAIT_READY: number
  readonly WAIT_TIMEOUT: number
  /** The peer has closed its end, and nothing is left to read. */
  readonly WAIT_CLOSED: number
  /** The peer's process has ended, and nothing is left to read. */
  readonly WAIT_PEER_GONE: number
  /** The wait returns to JavaScript at least every 50 ms, so that a thread can be terminated. Call `continueWait`. */
  readonly WAIT_INTERRUPTED: number
  readonly SIGNAL_RINGS: number
  readonly SIGNAL_REQUIRED: number
  readonly SIGNAL_FRAGMENTED: number
  readonly SIGNAL_OFFSET: number
  readonly SIGNAL_WRITTEN: number
  readonly SIGNAL_CORE_LOST: number
  readonly RECORD_KIND: number
  readonly RECORD_ID: number
  readonly RECORD_HEADER_BYTES: number
  /** Largest payload that travels in one record of a ring of `ringBytes`. */
  inlineBytesMax(ringBytes: number): number
  /** Creates and seals own segment. */
  Endpoint: new (options: {
    ringBytes: number
    maxMessageBytes: number
    recordsMax: number
  }) => NativeEndpoint
  /** Binds a datagram socket at `path`, which must not exist. */
  HandleInbox: new (
    path: string,
  ) => NativeInbox
  Bell: new () => NativeBell
  /** SO_PEERCRED of a connected Unix socket. */
  peerCredentials(fd: number): Credentials
  /**
   * From now on nobody can send descriptors to this Unix socket, nor to those that it accepts (SO_PASSRIGHTS; no effect before Linux
   * 6.16). Throws `CORRUPT` when some were sent before: then `fd` is a socket that has hung up.
   */
  refuseDescriptors(fd: number): void
}
