import { channelBaseline } from '../support/channel-baseline.mjs'

/**
 * What shmwire does where shared memory cannot be had.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = channelBaseline('shmwire, Unix socket', 'socket')
