// The contents of a store as bytes, for the thread of the queue. Each item is a u32 type and its fields:
//   next sequence: f64
//   job: f64 sequence · f64 attempt · f64 due · f64 dead since · u32 bytes of the reason · reason · u32 bytes of the record · record
//   seen: f64 until · u32 bytes of the id · id
import type { SeenId, StoredJob, StoredQueue } from '../../messaging/queue/job-store.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { readRecord } from './job-record.js'

const ItemType = { NEXT_SEQUENCE: 1, JOB: 2, SEEN: 3 } as const
/** From this length on, a part is passed on. The bodies of jobs are views of their part, so the last job of a part keeps so much memory. */
const PART_BYTES = 256 * 1024
/** In place of the bytes of the reason of a job that is not dead. */
const NO_REASON = 0xffff_ffff

/** A row of the tables `jobs` and `states`; the last four are null without a state. */
export interface SnapshotRow {
  readonly sequence: number
  readonly checksum: number
  readonly record: Uint8Array
  readonly attempt: number | null
  readonly due_at_ms: number | null
  readonly dead_at_ms: number | null
  readonly dead_reason: Uint8Array | null
}

export class SnapshotWriter {
  readonly #writer = new ByteWriter(2 * PART_BYTES)

  get isLarge(): boolean {
    return this.#writer.length >= PART_BYTES
  }

  nextSequence(value: number): void {
    this.#writer.uint32(ItemType.NEXT_SEQUENCE)
    this.#writer.float64(value)
  }

  job(row: SnapshotRow): void {
    const writer = this.#writer
    writer.uint32(ItemType.JOB)
    writer.float64(row.sequence)
    writer.float64(row.attempt ?? 0)
    writer.float64(row.due_at_ms ?? 0)
    writer.float64(row.dead_at_ms ?? 0)
    writer.uint32(row.dead_reason?.length ?? NO_REASON)
    if (row.dead_reason !== null) writer.bytes(row.dead_reason)
    writer.uint32(row.record.length)
    writer.bytes(row.record)
  }

  seen(untilMs: number, id: Uint8Array): void {
    this.#writer.uint32(ItemType.SEEN)
    this.#writer.float64(untilMs)
    this.#writer.uint32(id.length)
    this.#writer.bytes(id)
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#writer.take()
  }
}

/** Collects the parts of a snapshot. */
export class SnapshotReader {
  readonly #jobs: StoredJob[] = []
  readonly #seen = new Map<string, number>()
  #nextSequence = 1

  /** Throws a RangeError if a record is cut. */
  add(part: Uint8Array): void {
    const reader = new ByteReader(part)
    while (reader.remaining > 0) {
      const type = reader.uint32()
      if (type === ItemType.NEXT_SEQUENCE) this.#nextSequence = reader.float64()
      else if (type === ItemType.JOB) this.#jobs.push(readJob(reader))
      else this.#readSeen(reader)
    }
  }

  result(): StoredQueue {
    const seen: SeenId[] = Array.from(this.#seen, ([id, untilMs]) => ({ id, untilMs }))
    return { jobs: this.#jobs, seen, nextSequence: this.#nextSequence }
  }

  /** The items are in the order of time, so the last one for an id is the latest. */
  #readSeen(reader: ByteReader): void {
    const untilMs = reader.float64()
    const id = reader.text(reader.uint32())
    // At the end, although the id is there: the result is in the order of time too.
    this.#seen.delete(id)
    this.#seen.set(id, untilMs)
  }
}

function readJob(reader: ByteReader): StoredJob {
  const sequence = reader.float64()
  const attempt = reader.float64()
  const dueAtMs = reader.float64()
  const deadAtMs = reader.float64()
  const reasonBytes = reader.uint32()
  const deadReason = reasonBytes === NO_REASON ? undefined : reader.text(reasonBytes)
  const record = readRecord(reader, sequence, reader.uint32())
  return Object.assign(record, { attempt, dueAtMs, deadReason, deadAtMs })
}
