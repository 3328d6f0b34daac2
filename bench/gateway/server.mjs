// One process of the gateway's benchmark:
//   direct           a server of grpc-js with the handlers in its own process
//   service NAME     the service behind a gateway; the environment has its options of `wait`
//   gateway NAME     the gateway
// Prints the port, or `ready`, and ends with its standard input.
import { create, toBinary } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { grpcGateway } from '../../dist/gateway/grpc/index.js'
import { serve } from '../../dist/index.js'
import { handlers, Users } from './contract.mjs'

const [role, name] = process.argv.slice(2)
process.stdin.resume().once('end', () => process.exit())
console.log(await start())

async function start() {
  if (role === 'service') {
    const channel = JSON.parse(process.env.SERVICE_CHANNEL ?? '{}')
    await serve(name, handlers, { contract: Users, validateOutput: false, channel })
    return 'ready'
  }
  if (role === 'gateway') {
    const services = [{ contract: Users, target: name }]
    const gateway = await grpcGateway({ services, listen: '127.0.0.1:0' })
    return gateway.port
  }
  return startDirect()
}

async function sendItems(call) {
  for (const item of handlers.streamUsers())
    if (!call.write(item)) await new Promise((resolve) => call.once('drain', resolve))
  call.end()
}

/** A program without a gateway: grpc-js, with the same library for its messages. */
function startDirect() {
  const { getUser, streamUsers } = Users.methods
  const server = new Server()
  const definitionOf = ({ descriptor, input, output }, responseStream) => ({
    path: `/${Users.name}/${descriptor.name}`,
    requestStream: false,
    responseStream,
    requestDeserialize: (bytes) => input.binary.decode(bytes),
    requestSerialize: (message) => message,
    responseSerialize: (message) =>
      Buffer.from(toBinary(descriptor.output, create(descriptor.output, message))),
    responseDeserialize: (bytes) => output.binary.decode(bytes),
  })
  server.addService(
    { getUser: definitionOf(getUser, false), streamUsers: definitionOf(streamUsers, true) },
    {
      getUser: (call, reply) => reply(null, handlers.getUser(call.request)),
      streamUsers: (call) => void sendItems(call),
    },
  )
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}
