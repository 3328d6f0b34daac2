// A server of gRPC. GetUser returns the id of the process. CreateUser writes the id of its user to a file before it answers.
//   grpc-server.mjs <port> [file]
import { appendFileSync } from 'node:fs'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { loadContracts } from '../../../dist/service/proto/index.js'

const [port, file] = process.argv.slice(2)
const contracts = await loadContracts(new URL('../../support/proto/tests.binpb', import.meta.url))
const { getUser, createUser } = contracts.get('user.UserService').methods

const server = new Server()
const definition = (name, { input, output }) => ({
  path: `/user.UserService/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: input.binary.encode,
  requestDeserialize: input.binary.decode,
  responseSerialize: (message) => Buffer.from(output.binary.encode(message)),
  responseDeserialize: output.binary.decode,
})
server.addService(
  { GetUser: definition('GetUser', getUser), CreateUser: definition('CreateUser', createUser) },
  {
    GetUser: (_call, callback) => callback(null, { user: { id: BigInt(process.pid) } }),
    CreateUser: ({ request: { user } }, callback) => {
      appendFileSync(file, `${user.id}\n`)
      setTimeout(() => callback(null, { user }), 5)
    },
  },
)
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
  if (error !== null) throw error
  console.log(JSON.stringify(bound))
})
