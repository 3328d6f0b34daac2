import { channelBaseline } from '../support/channel-baseline.mjs'

/** One record takes an eighth of the ring at most. */
const RECORDS_PER_RING = 8
const RING_BYTES_MIN = 1024 * 1024

/**
 * Made in the ring and read in place: nothing is copied, so a row says what passing a message costs, and not what
 * making its bytes does, which no row holds.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  ...channelBaseline('shmwire, zero copy', 'shm', { views: true, ringBytes: ringOf }, { inPlace: true }),
  isVariant: true,
}

/** A record may be an eighth of it: twice a message. */
function ringOf({ messageBytes }) {
  return Math.max(RING_BYTES_MIN, 2 ** Math.ceil(Math.log2(messageBytes * 2 * RECORDS_PER_RING)))
}
