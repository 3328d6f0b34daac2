// The bytes of a job that do not change, one column of the table `jobs`:
//   u32 attempts · f64 backOffMinMs · f64 backOffMaxMs · f64 timeLimitMs · u32 bytes of id · u32 bytes of key · u32 bytes of headers ·
//   id · key · headers · body
// Numbers are little-endian, texts UTF-8. Texts are in the record because node:sqlite cuts a text column at a NUL.
import type { JobRecord } from '../../messaging/queue/job-store.js'
import type { ByteReader } from './byte-reader.js'
import type { ByteWriter } from './byte-writer.js'

/** In place of the bytes of the key. */
const NO_KEY = 0xffff_ffff
const FIXED_BYTES = 40

/** Appends the length of the record and the record. */
export function writeRecord(writer: ByteWriter, job: JobRecord): void {
  const id = Buffer.from(job.id)
  const key = job.key === undefined ? undefined : Buffer.from(job.key)
  writer.uint32(FIXED_BYTES + id.length + (key?.length ?? 0) + job.headers.length + job.body.length)
  writer.uint32(job.attempts)
  writer.float64(job.backOffMinMs)
  writer.float64(job.backOffMaxMs)
  writer.float64(job.timeLimitMs)
  writer.uint32(id.length)
  writer.uint32(key?.length ?? NO_KEY)
  writer.uint32(job.headers.length)
  writer.bytes(id)
  if (key !== undefined) writer.bytes(key)
  writer.bytes(job.headers)
  writer.bytes(job.body)
}

/** Reads a record of this length. The headers and the body are views. Throws a RangeError if the record is cut. */
export function readRecord(reader: ByteReader, sequence: number, recordBytes: number): JobRecord {
  const end = reader.remaining - recordBytes
  const attempts = reader.uint32()
  const backOffMinMs = reader.float64()
  const backOffMaxMs = reader.float64()
  const timeLimitMs = reader.float64()
  const idBytes = reader.uint32()
  const keyBytes = reader.uint32()
  const headersBytes = reader.uint32()
  const id = reader.text(idBytes)
  const key = keyBytes === NO_KEY ? undefined : reader.text(keyBytes)
  const headers = reader.bytes(headersBytes)
  const bodyBytes = reader.remaining - end
  if (bodyBytes < 0) throw new RangeError(`the record of job ${sequence} is too short`)
  const body = reader.bytes(bodyBytes)
  return { sequence, id, key, headers, body, attempts, backOffMinMs, backOffMaxMs, timeLimitMs }
}
