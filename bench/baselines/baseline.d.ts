/**
 * One competitor of the benchmark: a way to move messages between two processes. Each is one file in this
 * folder that exports `baseline`; the file's name is its name on the command line and in the results.
 *
 * A baseline is to be written as its own best advocate would: batching, no needless copies, back-pressure.
 * A competitor that is made to look bad measures nothing.
 */
export interface Baseline {
  /** For people: what it is, in a few words. */
  readonly title: string
  /** Waits for one peer at `path`, which does not exist yet, in a folder of its own. Resolves once a peer can connect. */
  listen(path: string): Promise<Listener>
  connect(path: string): Promise<Connection>
}

export interface Listener {
  /** The one connection. */
  accept(): Promise<Connection>
  /** Once the connection is closed. */
  close(): Promise<void>
}

/** Messages keep their borders, their order and their bytes. */
export interface Connection {
  /** What carries the messages, as the competitor names it. */
  readonly transport: string
  /**
   * Sends a message, or does nothing and returns false when `PENDING_BYTES_MAX` (../support/bounds.mjs) or more wait; `onDrain` follows.
   * A message of less than `KEPT_BYTES_MIN` may be changed at once. The memory of a longer one may be in use until
   * twice `PENDING_BYTES_MAX` have been sent after it: that spares a socket the copy.
   */
  trySend(message: Uint8Array): boolean
  /** Each message, in memory that nobody changes later. */
  onMessage: (message: Buffer) => void
  /** There is room again. */
  onDrain: () => void
  /** The connection is over, whoever ended it. Once. */
  onClose: () => void
  /** Delivers what was sent, then closes. */
  close(): Promise<void>
}
