import { Agent } from 'node:http'
import { fastifyBaseline } from '../support/fastify-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = fastifyBaseline('Fastify on a Unix socket', {
  async serve(app, path) {
    await app.listen({ path })
    return () => app.close()
  },
  reach: (path, maxSockets) => ({ agent: new Agent({ keepAlive: true, maxSockets }), socketPath: path }),
})
