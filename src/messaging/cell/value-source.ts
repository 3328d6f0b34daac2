import type { EncodedValue } from './read-cell.js'

/** The values of one writer, from shared memory or from a stream. */
export interface ValueSource {
  /** The newest value, if its version is above `after`. Throws `CORRUPT`, `OUT_OF_MEMORY`, `UNAVAILABLE`. */
  readNewer(after: number): EncodedValue | undefined
  /** Calls `onReady` once there is a version above `after`. */
  request(after: number): void
  /** Stops that. */
  release(): void
  /** Releases everything. Idempotent. */
  close(): void
}

/** The events of a source. */
export interface ValueEvents {
  readonly onReady: () => void
  /** The writer has closed or died, or the connection has failed. The source has the last value until it is closed. */
  readonly onEnd: (error: Error | undefined) => void
}
