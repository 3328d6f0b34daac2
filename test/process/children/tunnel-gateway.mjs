// A server, and a gateway with tunnels to it. Each message comes back on the same channel.
//   argv: the name of the server, the options of the tunnels as JSON
import { GatewayCalls } from '../../../build/modules/gateway/grpc/gateway-calls.js'
import { resolveGatewayOptions } from '../../../build/modules/gateway/grpc/gateway-options.js'
import { Http2Listener } from '../../../build/modules/gateway/grpc/http2-listener.js'
import { listen } from '../../../build/modules/index.js'

const [name, text] = process.argv.slice(2)
const server = await listen(name, { codec: 'bytes' })
server.on('channel', (channel) => {
  process.send({ transport: channel.transport, peer: channel.peer })
  channel.on('close', (error) => process.send({ closed: error?.code ?? 'closed' }))
  answer(channel).catch(() => {})
})

// The parts of grpcGateway, because the tests count the sessions.
const tunnels = { allow: [name], authorize: () => true, ...JSON.parse(text) }
const settings = resolveGatewayOptions({ listen: '127.0.0.1:0', tunnels })
const calls = new GatewayCalls(new Map(), settings)
const listener = new Http2Listener(settings, (...stream) => calls.handle(...stream))
process.send({ port: await listener.listen('127.0.0.1:0') })

process.on('message', (question) => {
  if (question === 'state')
    process.send({ sessions: settings.tunnels.sessions, rss: process.memoryUsage().rss })
})

async function answer(channel) {
  for await (const message of channel) await channel.send(message)
}
