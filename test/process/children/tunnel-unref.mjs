// A server and its gateway in one process, which has nothing more to do after the first message of a tunnel.
import { grpcGateway } from '../../../build/modules/gateway/grpc/grpc-gateway.js'
import { listen } from '../../../build/modules/index.js'

const server = await listen('prices', { codec: 'bytes' })
const tunnels = { allow: ['prices'], authorize: () => true }
const gateway = await grpcGateway({ listen: '127.0.0.1:0', tunnels })
server.on('channel', (channel) =>
  channel.once('message', () => {
    for (const one of [channel, server, gateway]) one.unref()
  }),
)
console.log(JSON.stringify({ port: gateway.port }))
