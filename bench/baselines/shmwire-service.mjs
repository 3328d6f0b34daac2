import { serviceBaseline } from '../support/service.mjs'

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = serviceBaseline('shmwire, service', (items) => items)
