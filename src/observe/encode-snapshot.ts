import { nowMs } from '../host.js'
import { SNAPSHOT_PAYLOAD_BYTES_MAX } from '../wire/frames.js'
import { shortened, snapshotOf } from './snapshot.js'

/** Rows of each list, if they fit. */
const ROWS_MAX = 1_024
/** All who ask within this time get the same bytes. */
const FRESH_MS = 100
/** With many channels, a snapshot takes longer. Then it is made less often, so that snapshots take a twentieth of the time at most. */
const FRESH_PARTS = 19

let latest: { readonly bytes: Buffer; readonly untilMs: number } | undefined

/** A snapshot of this thread as JSON, of a limited size: rows that do not fit are left out and counted. */
export function encodedSnapshot(): Buffer {
  const beginMs = nowMs()
  if (latest !== undefined && beginMs < latest.untilMs) return latest.bytes
  const bytes = encodeWithin(SNAPSHOT_PAYLOAD_BYTES_MAX)
  const endMs = nowMs()
  latest = { bytes, untilMs: endMs + Math.max(FRESH_MS, FRESH_PARTS * (endMs - beginMs)) }
  return bytes
}

/** For tests, with another limit. */
export function encodeWithin(bytesMax: number): Buffer {
  const whole = snapshotOf(ROWS_MAX)
  for (let rowsMax = ROWS_MAX; ; rowsMax = Math.floor(rowsMax / 2)) {
    const bytes = Buffer.from(JSON.stringify(shortened(whole, rowsMax)), 'utf8')
    if (bytes.length <= bytesMax || rowsMax === 0) return bytes
  }
}
