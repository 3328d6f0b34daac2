// One way to end, or not to end, a process with a service of a gRPC server.
//   grpc-caller.mjs <address> <close, unref or stay>
import { grpcService } from '../../../dist/gateway/grpc/index.js'
import { loadContracts } from '../../../dist/service/proto/index.js'

const [address, what] = process.argv.slice(2)
const contracts = await loadContracts(new URL('../../support/proto/tests.binpb', import.meta.url))
const users = await grpcService(contracts.get('user.UserService'), address)
await users.getUser({})
if (what === 'close') await users.$close()
if (what === 'unref') users.$unref()
console.log(JSON.stringify(what))
