import { nowMs } from '../host.js'
import { SNAPSHOT_PAYLOAD_BYTES_MAX } from '../wire/frames.js'
import { snapshotOf } from './snapshot.js'

/** Rows of each list, if they fit. */
const ROWS_MAX = 1_024
/** All who ask within this time get the same bytes, so that they cost this process no more than ten snapshots a second. */
const FRESH_MS = 100

let latest: { readonly bytes: Buffer; readonly untilMs: number } | undefined

/** A snapshot of this thread as JSON, of a limited size: rows that do not fit are left out and counted. */
export function encodedSnapshot(): Buffer {
  if (latest !== undefined && nowMs() < latest.untilMs) return latest.bytes
  const bytes = encodeWithin(SNAPSHOT_PAYLOAD_BYTES_MAX)
  latest = { bytes, untilMs: nowMs() + FRESH_MS }
  return bytes
}

/** For tests, with another limit. */
export function encodeWithin(bytesMax: number): Buffer {
  for (let rowsMax = ROWS_MAX; ; rowsMax = Math.floor(rowsMax / 2)) {
    const bytes = Buffer.from(JSON.stringify(snapshotOf(rowsMax)), 'utf8')
    if (bytes.length <= bytesMax || rowsMax === 0) return bytes
  }
}
