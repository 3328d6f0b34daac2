import { misuse } from '../../options.js'
import { decodeHeaders } from '../headers.js'
import type { MessageCodec } from '../message-codec.js'
import type { Job } from './job.js'
import type { JobTable } from './job-table.js'
import type { DeadJob } from './types.js'

/** A page is at most so long, or has one job. */
const PAGE_BYTES = 256 * 1024
export const DEAD_LIMIT_MAX = 10_000
/** Number of the dead job before the first one (f64), and the limit (u32). */
const REQUEST_BYTES = 12
/** Number (f64), attempts and reason bytes (u16), id bytes (u8), headers bytes (u16), body bytes (u32). */
const HEAD_BYTES = 19

/** A dead job, decoded from a page. */
export interface DeadFrame {
  /** Orders the dead jobs. */
  readonly number: number
  readonly id: string
  readonly attempts: number
  readonly reason: string
  readonly headers: Buffer
  readonly body: Buffer
}

export function deadRequest(after: number, limit: number): Buffer {
  const bytes = Buffer.allocUnsafe(REQUEST_BYTES)
  bytes.writeDoubleLE(after, 0)
  bytes.writeUInt32LE(limit, 8)
  return bytes
}

/** Dead jobs, oldest first, as far as they fit into one answer. Throws `INVALID_ARGUMENT` for a malformed request. */
export function deadPage(table: JobTable, request: Buffer, bytesMax: number): Buffer {
  const after = request.length === REQUEST_BYTES ? request.readDoubleLE(0) : Number.NaN
  if (!Number.isSafeInteger(after) || after < 0) throw misuse('the request for dead jobs is malformed')
  const limit = Math.min(request.readUInt32LE(8), DEAD_LIMIT_MAX)
  const frames: Buffer[] = []
  let bytes = 0
  for (const job of table.deadAfter(after)) {
    const frame = frameOf(job)
    if (
      frames.length >= limit ||
      (frames.length > 0 && bytes + frame.length > Math.min(PAGE_BYTES, bytesMax))
    )
      break
    frames.push(frame)
    bytes += frame.length
  }
  return Buffer.concat(frames)
}

function frameOf(job: Job): Buffer {
  const { id, headerBytes: headers, body } = job
  const idPart = Buffer.from(id)
  const reason = Buffer.from(job.death?.reason ?? '')
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeDoubleLE(job.deathNumber, 0)
  head.writeUInt16LE(job.attempt, 8)
  head.writeUInt16LE(reason.length, 10)
  head[12] = idPart.length
  head.writeUInt16LE(headers.length, 13)
  head.writeUInt32LE(body.length, 15)
  return Buffer.concat([head, idPart, reason, headers, body])
}

/** The job of a dead one. Any program can have pushed it, so a body that the codec refuses must not hide the others. */
export function decodedDead<Value>(codec: MessageCodec, body: Buffer): Pick<DeadJob<Value>, 'fault' | 'job'> {
  try {
    return { job: codec.decode(body) as Value }
  } catch (error) {
    return { job: body as Value, fault: error as Error }
  }
}

/** Undefined: the page, which is input from the queue, is malformed. */
export function readDeadPage(page: Buffer): DeadFrame[] | undefined {
  const jobs: DeadFrame[] = []
  for (let offset = 0; offset < page.length; ) {
    const idAt = offset + HEAD_BYTES
    if (idAt > page.length) return undefined
    const reasonAt = idAt + (page[offset + 12] as number)
    const headersAt = reasonAt + page.readUInt16LE(offset + 10)
    const bodyAt = headersAt + page.readUInt16LE(offset + 13)
    const end = bodyAt + page.readUInt32LE(offset + 15)
    if (end > page.length) return undefined
    const headers = page.subarray(headersAt, bodyAt)
    if (decodeHeaders(headers) === undefined) return undefined
    jobs.push({
      number: page.readDoubleLE(offset),
      id: page.toString('utf8', idAt, reasonAt),
      attempts: page.readUInt16LE(offset + 8),
      reason: page.toString('utf8', reasonAt, headersAt),
      headers,
      body: page.subarray(bodyAt, end),
    })
    offset = end
  }
  return jobs
}
