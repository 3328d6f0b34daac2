import { requestBaseline } from '../support/request-baseline.mjs'

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = requestBaseline('shmwire, channel.request')
