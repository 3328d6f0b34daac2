import { channelBaseline, ringOfWholeMessages } from '../support/channel-baseline.mjs'

/**
 * Created in the ring and read in place: no byte is copied, so a row shows the cost of passing a message. No row
 * includes the cost of creating its bytes.
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
