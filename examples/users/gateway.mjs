// The process of the gateways. It has no database and no handlers: it passes calls to the service.
//
//   node examples/users/gateway.mjs FOLDER HOST      FOLDER has the certificates of certificates.mjs
import fastify from 'fastify'
import { grpcGateway } from 'shmwire/grpc'
import { restGateway } from 'shmwire/rest'
import { attachTunnels } from 'shmwire/ws'
import { tlsOf } from './certificates.mjs'
import { Users } from './contract.mjs'
import { whenStopped } from './processes.mjs'

const [folder, host] = process.argv.slice(2)
// Clients need a certificate of the same authority.
const tls = { ...tlsOf(folder, 'gateway'), requestCert: true }
const services = [{ contract: Users, target: 'users' }]
const tunnels = { allow: ['users'] }

const grpc = await grpcGateway({ services, tunnels, listen: `${host}:0`, tls })

const app = fastify({ https: tls })
await app.register(restGateway, { services })
const webSockets = attachTunnels(app.server, { tunnels, path: '/tunnels/' })
await app.listen({ host, port: 0 })

whenStopped({ grpc: grpc.address, web: `${host}:${app.server.address().port}` }, async () => {
  webSockets.close()
  await Promise.all([grpc.close(), app.close()])
})
