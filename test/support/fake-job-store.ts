import { ErrorCode, ShmwireError } from '../../src/errors.js'
import type {
  JobChange,
  JobStore,
  SeenId,
  StoredJob,
  StoredQueue,
} from '../../src/messaging/queue/job-store.js'

interface Write {
  readonly changes: readonly JobChange[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A store in memory. With `holds`, a test commits or fails the writes itself. */
export class FakeJobStore implements JobStore {
  /** Of all committed changes. */
  readonly jobs = new Map<number, StoredJob>()
  readonly seen = new Map<string, SeenId>()
  readonly writes: Write[] = []
  closed = false
  #holds: boolean
  #failed = false
  #nextSequence = 1

  constructor({ holds = false } = {}) {
    this.#holds = holds
  }

  async load(): Promise<StoredQueue> {
    const jobs = [...this.jobs.values()].toSorted((a, b) => a.sequence - b.sequence)
    return { jobs, seen: [...this.seen.values()], nextSequence: this.#nextSequence }
  }

  write(changes: readonly JobChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failed) {
        reject(new ShmwireError(ErrorCode.UNAVAILABLE, 'the disk is full', { executed: 'no' }))
        return
      }
      this.writes.push({ changes, resolve, reject })
      if (!this.#holds)
        setImmediate(() => {
          if (!this.#holds) this.commit()
        })
    })
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** Commits the oldest write. */
  commit(): void {
    const write = this.writes.shift()
    for (const change of write?.changes ?? []) this.#apply(change)
    write?.resolve()
  }

  /** Later writes wait for the test. */
  hold(): void {
    this.#holds = true
  }

  /** Commits all writes, also later ones. */
  release(): void {
    this.#holds = false
    while (this.writes.length > 0) this.commit()
  }

  /** Fails the oldest write, and all later ones. */
  fail(): void {
    this.#failed = true
    const error = new ShmwireError(ErrorCode.UNAVAILABLE, 'the disk is full', { executed: 'unknown' })
    for (const { reject } of this.writes.splice(0)) reject(error)
  }

  #apply(change: JobChange): void {
    if (change.type === 'seen') this.seen.set(change.id, change)
    else if (change.type === 'forget') {
      for (const { id, untilMs } of this.seen.values()) if (untilMs <= change.untilMs) this.seen.delete(id)
    } else if (change.type === 'add') this.#add(change)
    else this.#change(change)
  }

  #add({ job, dueAtMs }: JobChange & { type: 'add' }): void {
    this.#nextSequence = Math.max(this.#nextSequence, job.sequence + 1)
    // The memory of the queue is that of its process.
    const [headers, body] = [Uint8Array.from(job.headers), Uint8Array.from(job.body)]
    const stored = { ...job, headers, body, dueAtMs, attempt: 0, deadReason: undefined, deadAtMs: 0 }
    this.jobs.set(job.sequence, stored)
  }

  #change(change: Exclude<JobChange, { type: 'add' | 'forget' | 'seen' }>): void {
    const job = this.jobs.get(change.sequence)
    if (job === undefined) return
    const { sequence } = change
    if (change.type === 'remove') this.jobs.delete(sequence)
    else if (change.type === 'attempt')
      this.jobs.set(sequence, { ...job, attempt: change.attempt, dueAtMs: 0 })
    else if (change.type === 'delay') this.jobs.set(sequence, { ...job, dueAtMs: change.dueAtMs })
    else if (change.type === 'dead')
      this.jobs.set(sequence, { ...job, deadReason: change.reason, deadAtMs: change.deadAtMs })
    else this.jobs.set(sequence, { ...job, deadReason: undefined, deadAtMs: 0, attempt: 0, dueAtMs: 0 })
  }
}
