import { channelBaseline } from '../support/channel-baseline.mjs'

/**
 * shmwire without shared memory.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = channelBaseline('shmwire, Unix socket', 'socket')
