// The servers of REST that the benchmark compares. Each function resolves to a port.
import fastify from 'fastify'
import { createRestServer } from '../../dist/gateway/rest/index.js'
import { handlers, Users } from './contract.mjs'

export async function startGateway(name) {
  const services = [{ contract: Users, target: name }]
  const { port } = await createRestServer({ services, listen: '127.0.0.1:0' })
  return port
}

/** A program without a gateway: Fastify with the handlers in its own process. JSON has no BigInt, so an id is a string, as in ProtoJSON. */
export async function startDirect() {
  const app = fastify()
  app.get('/api/v1/users/:id', ({ params }) => {
    const { user } = handlers.getUser({ id: params.id })
    return { user: { ...user, role: 'ROLE_UNSPECIFIED' } }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server.address().port
}
