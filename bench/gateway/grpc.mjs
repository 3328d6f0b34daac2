// The servers of gRPC that the benchmark compares. Each function resolves to a port.
import { create, toBinary } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { grpcGateway } from '../../dist/gateway/grpc/index.js'
import { handlers, Users } from './contract.mjs'

export async function startGateway(name) {
  const services = [{ contract: Users, target: name }]
  const { port } = await grpcGateway({ services, listen: '127.0.0.1:0' })
  return port
}

async function sendItems(call) {
  for (const item of handlers.streamUsers())
    if (!call.write(item)) await new Promise((resolve) => call.once('drain', resolve))
  call.end()
}

/** A program without a gateway: grpc-js, with the same library for its messages. */
export function startDirect() {
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
