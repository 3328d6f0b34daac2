import { channelBaseline } from '../support/channel-baseline.mjs'

/**
 * Written into the ring and read in place. The calls for it are not there yet.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  ...channelBaseline('shmwire, zero copy', 'shm'),
  isVariant: true,
  absent: 'not in this version: writing into the ring, reading in place',
}
