import { channelBaseline, ringOfWholeMessages } from '../support/channel-baseline.mjs'

/**
 * Made in the ring and read in place: nothing is copied, so a row says what passing a message costs, and not what
 * making its bytes does, which no row holds.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  ...channelBaseline(
    'shmwire, zero copy',
    'shm',
    { views: true, ringBytes: ringOfWholeMessages },
    { inPlace: true },
  ),
  isVariant: true,
}
