import { channelBaseline } from '../support/channel-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = {
  ...channelBaseline("shmwire, wait: 'spin'", 'shm', { wait: 'spin' }),
  isVariant: true,
}
