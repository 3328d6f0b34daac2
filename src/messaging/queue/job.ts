import type { JobRecord } from './job-store.js'
import type { TimerEntry } from './timer-heap.js'

/** How a job runs, resolved. */
export interface JobTerms {
  readonly attempts: number
  readonly backOffMinMs: number
  readonly backOffMaxMs: number
  readonly timeLimitMs: number
}

/** The encoded parts of a job, in one memory: the id and the key in UTF-8, the headers and the body. */
export interface JobParts {
  readonly bytes: Buffer
  readonly idBytes: number
  readonly keyBytes: number
  readonly headersBytes: number
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
export class Job implements TimerEntry {
  readonly sequence: number
  parts: JobParts
  readonly terms: JobTerms
  /** Gets the outcome of the last attempt, when the store has it. */
  readonly onDone: ((outcome: JobOutcome) => void) | undefined
  state: JobState = 'new'
  attempt = 0
  dueMs = 0
  heapIndex = -1
  holder: LeaseHolder | undefined
  /** Its place with the holder. */
  slot = 0
  /** The holder's process has been sent the job. */
  isSent = false
  deadReason: string | undefined
  deadAtMs = 0

  constructor(
    sequence: number,
    parts: JobParts,
    terms: JobTerms,
    onDone: ((outcome: JobOutcome) => void) | undefined,
  ) {
    this.sequence = sequence
    this.parts = parts
    this.terms = terms
    this.onDone = onDone
  }

  get size(): number {
    return this.parts.bytes.length
  }

  get id(): string {
    const { bytes, idBytes } = this.parts
    return bytes.toString('utf8', 0, idBytes)
  }

  get key(): string | undefined {
    const { bytes, idBytes, keyBytes } = this.parts
    return keyBytes === 0 ? undefined : bytes.toString('utf8', idBytes, idBytes + keyBytes)
  }

  get headers(): Buffer {
    const { bytes, idBytes, keyBytes, headersBytes } = this.parts
    const start = idBytes + keyBytes
    return bytes.subarray(start, start + headersBytes)
  }

  get body(): Buffer {
    const { bytes, idBytes, keyBytes, headersBytes } = this.parts
    return bytes.subarray(idBytes + keyBytes + headersBytes)
  }

  /** A job that stays for long must not keep the memory of the jobs that arrived with it. */
  detach(): void {
    const { bytes } = this.parts
    if (bytes.buffer.byteLength <= 2 * bytes.length) return
    const own = Buffer.allocUnsafeSlow(bytes.length)
    own.set(bytes)
    this.parts = { ...this.parts, bytes: own }
  }

  /** The job for the journal. */
  record(): JobRecord {
    const { attempts, backOffMinMs, backOffMaxMs, timeLimitMs } = this.terms
    const { sequence, id, key, headers, body } = this
    return { sequence, id, key, headers, body, attempts, backOffMinMs, backOffMaxMs, timeLimitMs }
  }
}

/** The parts of a job of the journal. */
export function partsOf({ id, key, headers, body }: JobRecord): JobParts {
  const idPart = Buffer.from(id)
  const keyPart = Buffer.from(key ?? '')
  return {
    bytes: Buffer.concat([idPart, keyPart, headers, body]),
    idBytes: idPart.length,
    keyBytes: keyPart.length,
    headersBytes: headers.length,
  }
}
