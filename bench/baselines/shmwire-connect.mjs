import { requestBaseline } from '../support/request-baseline.mjs'

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = requestBaseline('shmwire, connect alone', { connectsOnly: true })
