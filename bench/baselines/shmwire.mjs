import { channelBaseline } from '../support/channel-baseline.mjs'

/**
 * Shared memory. Fails where it cannot be had: a figure of the fallback under this name would be a lie.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = channelBaseline('shmwire', 'shm')
