// The servers of REST that the benchmark compares. Each function resolves to a port.
import { create, fromJson, toJson } from '@bufbuild/protobuf'
import fastify from 'fastify'
import { createRestServer } from '../../dist/gateway/rest/index.js'
import { handlers, Users } from './contract.mjs'

export async function startGateway(name) {
  const services = [{ contract: Users, target: name }]
  const { port } = await createRestServer({ services, listen: '127.0.0.1:0' })
  return port
}

/** A program without a gateway: Fastify with the handlers in its own process, and the same library for its messages. */
export async function startDirect() {
  const { input, output } = Users.methods.getUser.descriptor
  const app = fastify()
  app.get('/api/v1/users/:id', ({ params }) => {
    const response = handlers.getUser(fromJson(input, { id: params.id }))
    return toJson(output, create(output, response), { alwaysEmitImplicit: true })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server.address().port
}
