import { channelBaseline } from '../support/channel-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = {
  ...channelBaseline("shmwire, wait: 'sleep'", 'shm', { wait: 'sleep' }),
  isVariant: true,
}
