import type { JobChange, JobRecord, JobStore, StoredQueue } from '../../src/messaging/queue/job-store.js'

/** A record with all fields. */
export function newRecord(sequence: number, fields: Partial<JobRecord> = {}): JobRecord {
  return {
    sequence,
    id: `job ${sequence}`,
    key: undefined,
    headers: new Uint8Array(0),
    body: Uint8Array.of(sequence & 255),
    attempts: 5,
    backOffMinMs: 100,
    backOffMaxMs: 30_000,
    timeLimitMs: 60_000,
    ...fields,
  }
}

export function add(sequence: number, fields: Partial<JobRecord> = {}, dueAtMs = 0): JobChange {
  return { type: 'add', job: newRecord(sequence, fields), dueAtMs }
}

/** Loads a store, and closes it again. */
export async function contentsOf(store: JobStore): Promise<StoredQueue> {
  const contents = await store.load()
  await store.close()
  return contents
}

/** The sequences of the jobs that a store has, after loading and closing it. */
export async function sequencesIn(store: JobStore): Promise<number[]> {
  const { jobs } = await contentsOf(store)
  return jobs.map(({ sequence }) => sequence)
}
