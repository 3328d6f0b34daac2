import type { MessageCursor } from './message-cursor.js'

/** The batches of one subscription, from shared memory or from a stream. */
export interface BatchSource {
  /** Has the messages of the last batch. */
  readonly cursor: MessageCursor
  /** Loads the next batch into the cursor. False: there is none now. */
  read(): boolean
  /** Calls `onReady` when `read` can return true, or the source has ended. */
  request(): void
  /** Stops that. */
  release(): void
  /** Once `read` returns false, no batch follows. */
  readonly end: { readonly error: Error | undefined } | undefined
  /** Releases everything. Idempotent. */
  close(): void
}

/** The events of a source. */
export interface SourceEvents {
  readonly onReady: () => void
  /** The source ends with this error, after the batches that are left. */
  readonly onEnding: (error: Error | undefined) => void
}
