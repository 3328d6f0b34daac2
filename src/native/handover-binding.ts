export interface Credentials {
  pid: number
  uid: number
  gid: number
}

/** A server's datagram socket beside its control socket: clients send their descriptors to it. */
export interface NativeHandoverSocket {
  /**
   * Accepts one datagram with this 16-byte token, and only from `sender` if given. Drops all other
   * datagrams and closes their descriptors.
   */
  expect(token: Uint8Array, sender?: Credentials): void
  /** Stops expecting the token and drops its datagram. Idempotent. */
  discard(token: Uint8Array): void
  /**
   * Reads queued datagrams for about 1 ms at most, so that a client that found the queue full can
   * try again. False: it read nothing, because the last call took that long and was a few
   * milliseconds ago.
   */
  drain(): boolean
  /**
   * Reads as `drain` does, until the datagram with the token has arrived. False: others are queued
   * before it; call again in a few milliseconds. True: `acceptHandles` has its result, also if the
   * client did not send the datagram.
   */
  settle(token: Uint8Array): boolean
  /** Closes the socket and the received descriptors. Does not unlink the path. Idempotent. */
  close(): void
}
