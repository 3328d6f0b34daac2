import { encodeFrame, FrameKind, SNAPSHOT_PAYLOAD_BYTES_MAX } from '../wire/frames.js'
import { cachedFor } from './cached-for.js'
import { shortened, snapshotOf } from './snapshot.js'

/** Rows of each list, if they fit. */
const ROWS_MAX = 1_024
/** All who ask within this time get the same frame. */
const FRESH_MS = 100

/** The frame SNAPSHOT of this thread, of a limited size: rows that do not fit are left out and counted. The frame is not copied for each reader. */
export const snapshotFrame = cachedFor(
  () => encodeFrame(FrameKind.SNAPSHOT, 0, encodeWithin(SNAPSHOT_PAYLOAD_BYTES_MAX)),
  FRESH_MS,
)

/** The JSON of a snapshot. `bytesMax` is another one in tests. */
export function encodeWithin(bytesMax: number): Buffer {
  const whole = snapshotOf(ROWS_MAX)
  for (let rowsMax = ROWS_MAX; ; rowsMax = Math.floor(rowsMax / 2)) {
    const bytes = Buffer.from(JSON.stringify(shortened(whole, rowsMax)), 'utf8')
    if (bytes.length <= bytesMax || rowsMax === 0) return bytes
  }
}
