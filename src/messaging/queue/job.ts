import { JobBytes } from './job-bytes.js'
import type { JobRecord } from './job-store.js'
import type { TimerEntry } from './timer-heap.js'

/** How a job runs, resolved. */
export interface JobTerms {
  readonly attempts: number
  readonly backOffMinMs: number
  readonly backOffMaxMs: number
  readonly timeLimitMs: number
}

/** The end of a job for the program that waits for it. */
export type JobOutcome =
  /** `undefined`: the handler returned nothing. */
  | { readonly result: Buffer | undefined }
  /** As `encodeRemoteError` returns it. */
  | { readonly error: Buffer }

export type JobState = 'new' | 'waiting' | 'delayed' | 'leased' | 'dead' | 'gone'

/** The worker that has a job. */
export interface LeaseHolder {
  /** The time limit of the job has passed. */
  leaseExpired(job: Job): void
}

/** A job of a queue, with its state. Only `JobTable` changes the state. */
export class Job extends JobBytes implements TimerEntry {
  readonly terms: JobTerms
  readonly delayMs: number
  /** The program chose the id, so it can be pushed again. */
  readonly dedup: boolean
  /** Gets the outcome of the last attempt, when the store has it. */
  onDone: ((outcome: JobOutcome) => void) | undefined
  /** 0 until the queue has the job. */
  sequence = 0
  state: JobState = 'new'
  attempt = 0
  /** Counts the leases, so that a late effect of an earlier one knows that it is over. */
  lease = 0
  dueMs = 0
  heapIndex = -1
  holder: LeaseHolder | undefined
  /** Its place with the holder. */
  slot = 0
  /** The holder's process has been sent the job. */
  isSent = false
  death: { readonly reason: string; readonly atMs: number } | undefined
  /** Orders the dead jobs of this process. */
  deathNumber = 0
  /** The job is dead, and stays until another queue has it. */
  awaitsCopy = false
  /** Copies that failed. */
  failedCopies = 0

  /** The memory stays unchanged as long as the job exists. */
  constructor(
    parts: JobBytes,
    terms: JobTerms,
    { delayMs = 0, dedup = false }: { readonly delayMs?: number; readonly dedup?: boolean } = {},
  ) {
    super(parts.memory, parts.start, parts.idBytes, parts.keyBytes, parts.headersBytes, parts.end)
    this.terms = terms
    this.delayMs = delayMs
    this.dedup = dedup
  }

  /** A job that stays for long must not keep the memory of the jobs that arrived with it. */
  detach(): void {
    const { memory, start, end, size } = this
    if (memory.buffer.byteLength <= 2 * size) return
    const own = Buffer.allocUnsafeSlow(size)
    memory.copy(own, 0, start, end)
    this.memory = own
    this.start = 0
    this.end = size
  }

  /** The job for the journal. */
  record(): JobRecord {
    const { attempts, backOffMinMs, backOffMaxMs, timeLimitMs } = this.terms
    const { sequence, id, key, headerBytes: headers, body } = this
    return { sequence, id, key, headers, body, attempts, backOffMinMs, backOffMaxMs, timeLimitMs }
  }
}

/** A job of the journal. */
export function storedJob(record: JobRecord): Job {
  const { id, key, headers, body, attempts, backOffMinMs, backOffMaxMs, timeLimitMs } = record
  const idPart = Buffer.from(id)
  const keyPart = Buffer.from(key ?? '')
  const memory = Buffer.concat([idPart, keyPart, headers, body])
  const parts = new JobBytes(memory, 0, idPart.length, keyPart.length, headers.length, memory.length)
  const job = new Job(parts, { attempts, backOffMinMs, backOffMaxMs, timeLimitMs })
  job.sequence = record.sequence
  return job
}
