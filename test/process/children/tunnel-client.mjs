// Connects through a gateway, gets one answer, and has nothing more to do.
//   argv: the port of the gateway, 'ref' or 'unref'
import { once } from 'node:events'
import { connectTunnel } from '../../../build/modules/gateway/grpc/grpc-tunnel.js'

const [port, mode] = process.argv.slice(2)
const options = { codec: 'bytes', authorize: () => true, upgrade: false }
const channel = await connectTunnel(`grpc://127.0.0.1:${port}/prices`, options)
const answered = once(channel, 'message')
await channel.send(Buffer.from('x'))
await answered
if (mode === 'unref') channel.unref()
console.log(JSON.stringify('answered'))
