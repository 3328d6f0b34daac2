import { serviceBaseline } from '../support/service.mjs'

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = serviceBaseline(
  'shmwire, service, async generator',
  (items) =>
    async function* (request) {
      for (const item of items(request)) yield item
    },
)
