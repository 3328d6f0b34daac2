import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createConnection, type Server as TcpServer } from 'node:net'
import type { Channel } from '../../src/channel/channel.js'
import type { TunnelOptions } from '../../src/gateway/tunnel/tunnel-channel.js'
import {
  type AttachedTunnels,
  type AttachTunnelsOptions,
  attachTunnels,
} from '../../src/gateway/ws/attach-tunnels.js'
import { connectTunnel } from '../../src/gateway/ws/ws-tunnel.js'
import { type Server as Listener, listen } from '../../src/listen.js'
import type { WaitOptions } from '../../src/options.js'
import { Authority } from './certificates.js'

export const authorize = (): boolean => true
export const LOCAL = { authorize, upgrade: false } as const
export const authority = new Authority()
const gatewayCertificate = authority.sign('localhost')
export const clientCertificate = authority.sign('alice')

export const closers: (() => unknown)[] = []

export interface Gateway {
  readonly tunnels: AttachedTunnels
  readonly port: number
}

/** A gateway at `server`, which also has an ordinary page. */
export async function startGateway(
  tunnels: Partial<AttachTunnelsOptions['tunnels']> = {},
  options: Partial<AttachTunnelsOptions> = {},
  server: Server = createServer(page),
): Promise<Gateway> {
  const attached = attachTunnels(server, {
    tunnels: { allow: ['prices'], authorize, ...tunnels },
    ...options,
  })
  closers.push(() => attached.close())
  return { tunnels: attached, port: await portOf(server) }
}

export const page: RequestListener = (_request, response) => void response.end('a page')

export const mutual = (): Server => createSecureServer({ ...gatewayCertificate, requestCert: true }, page)

export async function startServer(): Promise<Listener> {
  const server = await listen('prices', { authorize })
  server.on('channel', (channel) => channel.handle((question: unknown) => ({ question })))
  closers.push(() => server.close({ timeoutMs: 5_000 }))
  return server
}

export async function connectTo(
  address: string,
  options: TunnelOptions & WaitOptions = LOCAL,
): Promise<Channel> {
  const channel = await connectTunnel(address, options)
  closers.push(() => channel.destroy())
  return channel
}

export const connectAt = (port: number, options: TunnelOptions & WaitOptions = LOCAL): Promise<Channel> =>
  connectTo(`ws://127.0.0.1:${port}/prices`, options)

/** Call it after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close()
}

/** The beginning of the answer to an upgrade with further headers. */
export async function answerTo(port: number, further: Record<string, string>): Promise<string> {
  const headers = {
    host: 'localhost',
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol': 'shmwire.v1',
    ...further,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.write(`GET /prices HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString()
}

export async function portOf(server: TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        ;(server as Partial<Server>).closeAllConnections?.()
      }),
  )
  return (server.address() as AddressInfo).port
}
