// The process of the gateways. It has no database and no handlers: it passes calls to the service.
//
//   node examples/users/gateway.mjs FOLDER HOST      FOLDER has the certificates of certificates.mjs
import { grpcGateway } from 'shmwire/grpc'
import { tlsOf } from './certificates.mjs'
import { Users } from './contract.mjs'
import { whenStopped } from './processes.mjs'

const [folder, host] = process.argv.slice(2)
const tls = { ...tlsOf(folder, 'gateway'), requestCert: true }
const services = [{ contract: Users, target: 'users' }]

const grpc = await grpcGateway({ services, tunnels: { allow: ['users'] }, listen: `${host}:0`, tls })

whenStopped({ grpc: grpc.address }, () => grpc.close())
