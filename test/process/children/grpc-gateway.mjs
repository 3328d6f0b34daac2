// A gateway in front of a service of another process. It writes its port. Then, by its argument:
//   close   closes after the first call, and has nothing more to do
//   unref   does not keep the process alive
//   stay    stays
import { grpcGateway } from '../../../dist/gateway/grpc/index.js'
import { loadContracts } from '../../../dist/service/proto/index.js'

const [what, target] = process.argv.slice(2)
const contracts = await loadContracts(new URL('../../support/proto/tests.binpb', import.meta.url))
let called
const first = new Promise((resolve) => {
  called = resolve
})
const countCalls = (next) => async (call) => {
  const answer = await next(call)
  called()
  return answer
}
const gateway = await grpcGateway({
  services: [{ contract: contracts.get('user.UserService'), target }],
  listen: '127.0.0.1:0',
  interceptors: [countCalls],
})
console.log(gateway.port)
if (what === 'unref') gateway.unref()
if (what === 'close') {
  await first
  await gateway.close()
}
