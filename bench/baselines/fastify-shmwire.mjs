import { agent, attach } from '../../dist/adapter/http.js'
import { fastifyBaseline } from '../support/fastify-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = fastifyBaseline('Fastify over shmwire/http', {
  async serve(app, path) {
    const attached = await attach(app.server, `unix:${path}`, { transport: 'shm' })
    return async () => {
      await attached.close()
      await app.close()
    }
  },
  reach: (path, maxSockets) => ({ agent: agent(`unix:${path}`, { maxSockets, transport: 'shm' }) }),
})
