import { channelBaseline, ringOfWholeMessages } from '../support/channel-baseline.mjs'

/**
 * Sent with plain calls and read in place: one copy, into the ring.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  ...channelBaseline('shmwire, read in place', 'shm', { views: true, ringBytes: ringOfWholeMessages }),
  isVariant: true,
}
