// One process of the gateway's benchmark:
//   direct PROTOCOL          a server with the handlers in its own process; PROTOCOL is grpc or rest
//   service PROTOCOL NAME    the service behind a gateway; the environment has its options of `wait`
//   gateway PROTOCOL NAME    the gateway
// Prints the port, or `ready`, and ends with its standard input.
import { serve } from '../../dist/index.js'
import { handlers, Users } from './contract.mjs'

const [role, protocol, name] = process.argv.slice(2)
process.stdin.resume().once('end', () => process.exit())
console.log(await start())

async function start() {
  if (role === 'service') {
    const channel = JSON.parse(process.env.SERVICE_CHANNEL ?? '{}')
    await serve(name, handlers, { contract: Users, validateOutput: false, channel })
    return 'ready'
  }
  const { startDirect, startGateway } = await import(`./${protocol}.mjs`)
  return role === 'gateway' ? startGateway(name) : startDirect()
}
