// Connects through a gateway, gets one answer, and has nothing more to do.
//   argv: the address, 'ref' or 'unref'
import { once } from 'node:events'
import { connectTunnel as connectGrpc } from '../../../build/modules/gateway/grpc/grpc-tunnel.js'
import { connectTunnel as connectWebSocket } from '../../../build/modules/gateway/ws/ws-tunnel.js'

const [address, mode] = process.argv.slice(2)
const connectTunnel = address.startsWith('ws') ? connectWebSocket : connectGrpc
const options = { codec: 'bytes', authorize: () => true, upgrade: false }
const channel = await connectTunnel(address, options)
const answered = once(channel, 'message')
await channel.send(Buffer.from('x'))
await answered
if (mode === 'unref') channel.unref()
console.log(JSON.stringify('answered'))
