// A server, and a gateway with tunnels to it. Each message comes back on the same channel.
//   argv: the name of the server, the options of the tunnels as JSON, 'grpc' or 'ws'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { GatewayCalls } from '../../../build/modules/gateway/grpc/gateway-calls.js'
import { resolveGatewayOptions } from '../../../build/modules/gateway/grpc/gateway-options.js'
import { Http2Listener } from '../../../build/modules/gateway/grpc/http2-listener.js'
import { attachTunnels } from '../../../build/modules/gateway/ws/attach-tunnels.js'
import { listen } from '../../../build/modules/index.js'

const [name, text, carrier] = process.argv.slice(2)
const server = await listen(name, { codec: 'bytes' })
server.on('channel', (channel) => {
  process.send({ transport: channel.transport, peer: channel.peer })
  channel.on('close', (error) => process.send({ closed: error?.code ?? 'closed' }))
  answer(channel).catch(() => {})
})

// The parts of grpcGateway, because the tests count the sessions.
const tunnels = { allow: [name], authorize: () => true, ...JSON.parse(text) }
const { port, gateway } = carrier === 'ws' ? await startWebSockets() : await startGrpc()
process.send({ port })

process.on('message', (question) => {
  if (question === 'state') process.send({ sessions: gateway.sessions, rss: process.memoryUsage().rss })
})

async function startGrpc() {
  const settings = resolveGatewayOptions({ listen: '127.0.0.1:0', tunnels })
  const calls = new GatewayCalls(new Map(), settings)
  const listener = new Http2Listener(settings, (...stream) => calls.handle(...stream))
  return { port: await listener.listen('127.0.0.1:0'), gateway: settings.tunnels }
}

async function startWebSockets() {
  const httpServer = createServer((_request, response) => response.end('a page'))
  const heartbeat = { intervalMs: 1_000, timeoutMs: 3_000 }
  const attached = attachTunnels(httpServer, { tunnels, heartbeat })
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  return { port: httpServer.address().port, gateway: attached }
}

async function answer(channel) {
  for await (const message of channel) await channel.send(message)
}
