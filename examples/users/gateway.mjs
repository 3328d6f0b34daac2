// The process of the gateways. It has no database and no handlers: it passes calls to the service.
//
//   node examples/users/gateway.mjs FOLDER HOST      FOLDER has the certificates of certificates.mjs
import { grpcGateway } from 'shmwire/grpc'
import { createRestServer } from 'shmwire/rest'
import { tlsOf } from './certificates.mjs'
import { Users } from './contract.mjs'
import { whenStopped } from './processes.mjs'

const [folder, host] = process.argv.slice(2)
const options = {
  services: [{ contract: Users, target: 'users' }],
  tunnels: { allow: ['users'] },
  listen: `${host}:0`,
  // Clients need a certificate of the same authority.
  tls: { ...tlsOf(folder, 'gateway'), requestCert: true },
}
const grpc = await grpcGateway(options)
const rest = await createRestServer(options)

whenStopped({ grpc: grpc.address, web: rest.address }, () => Promise.all([grpc.close(), rest.close()]))
