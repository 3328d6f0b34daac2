import { channelBaseline } from '../support/channel-baseline.mjs'

/**
 * Short messages of one turn are collected, and sent together.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  ...channelBaseline('shmwire, corked', 'shm', {}, { corked: true }),
  isVariant: true,
}
