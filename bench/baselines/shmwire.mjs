import { channelBaseline } from '../support/channel-baseline.mjs'

/**
 * Shared memory. Fails without it: a figure of the fallback under this name would be wrong.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = channelBaseline('shmwire', 'shm')
