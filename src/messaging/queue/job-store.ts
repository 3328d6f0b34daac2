/**
 * The journal of a queue. The whole queue is in memory; the store keeps what a new process needs to continue. All times are those of the day
 * (milliseconds since 1970), because they outlive the process.
 */
export interface JobStore {
  /** The longest job that the store can keep: its id, key, headers and body. Default: no limit of its own. */
  readonly jobBytesMax?: number | undefined
  /** Called once, before any other member. Rejects if the file cannot be read or belongs to a living queue. */
  load(): Promise<StoredQueue>
  /**
   * Resolves when the changes are on disk. Calls in flight are committed in their order, and the changes of one call together or not at all.
   * After a rejection, the store accepts no further changes: every later call rejects too.
   */
  write(changes: readonly JobChange[]): Promise<void>
  /** Resolves when all changes are on disk and the file is free. */
  close(): Promise<void>
}

export interface StoredQueue {
  /** In the order of `sequence`. */
  readonly jobs: readonly StoredJob[]
  /** The ids within the dedup window. */
  readonly seen: readonly SeenId[]
  /** Larger than the `sequence` of every job that the store has ever had. At least 1. */
  readonly nextSequence: number
}

/** A job without its state. Its bytes do not change. */
export interface JobRecord {
  /** Identifies the job within the queue and orders it: a safe integer from 1, used once. */
  readonly sequence: number
  /** That of `push`; not unique, because an id can be pushed again after the dedup window. */
  readonly id: string
  readonly key: string | undefined
  /** As `encodeHeaders` returns them. */
  readonly headers: Uint8Array
  readonly body: Uint8Array
  /** How often the job may run. */
  readonly attempts: number
  readonly backOffMinMs: number
  readonly backOffMaxMs: number
  readonly timeLimitMs: number
}

export interface StoredJob extends JobRecord {
  /** Attempts that have begun: 0 before the first one. */
  readonly attempt: number
  /** The job runs at this time at the earliest. 0: at once; or, if attempts have begun, a worker had the job. */
  readonly dueAtMs: number
  /** Why the job is dead; undefined while it is not. */
  readonly deadReason: string | undefined
  /** Orders the dead jobs, oldest first. 0 while the job is not dead. */
  readonly deadAtMs: number
}

export interface SeenId {
  readonly id: string
  readonly untilMs: number
}

/** A change of the stored queue. A change of a job that the store does not have has no effect. */
export type JobChange =
  /** A new job with `attempt` 0 which is not dead. */
  | { readonly type: 'add'; readonly job: JobRecord; readonly dueAtMs: number }
  /** The job was dispatched, or was returned unused. Sets `dueAtMs` to 0. */
  | { readonly type: 'attempt'; readonly sequence: number; readonly attempt: number }
  /** The job waits for its next attempt. */
  | { readonly type: 'delay'; readonly sequence: number; readonly dueAtMs: number }
  /** The job is done, or has left the queue. */
  | { readonly type: 'remove'; readonly sequence: number }
  | { readonly type: 'dead'; readonly sequence: number; readonly reason: string; readonly deadAtMs: number }
  /** A dead job waits again, with `attempt` 0 and `dueAtMs` 0. */
  | { readonly type: 'revive'; readonly sequence: number }
  /** The id is known until this time. Replaces an earlier time. */
  | { readonly type: 'seen'; readonly id: string; readonly untilMs: number }
  /** The ids whose time is at most `untilMs` are not known any longer. */
  | { readonly type: 'forget'; readonly untilMs: number }
