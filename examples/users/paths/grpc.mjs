// gRPC, as any client of gRPC calls the gateway; and a tunnel, which is a channel to the service through the gateway.
import { connectTunnel, grpcService } from 'shmwire/grpc'
import { Users } from '../contract.mjs'
import { overChannel } from './channels.mjs'

export const grpc = {
  name: 'gRPC, mutual TLS',
  open: async ({ places, tls }) => ({
    transport: 'HTTP/2',
    users: await grpcService(Users, places.grpc, { tls }),
  }),
}

// Without `upgrade: false`, a tunnel within one machine becomes shared memory.
export const grpcTunnel = {
  name: 'gRPC tunnel, mutual TLS',
  open: ({ places, tls }) =>
    overChannel(connectTunnel(`grpc://${places.grpc}/users`, { tls, upgrade: false })),
}
