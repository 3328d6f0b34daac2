import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { formatHostAndPort } from '../../address/network-address.js'
import type { ByteStream } from '../../byte-stream.js'
import { openSocket } from '../../control/open-socket.js'
import { identifyRemotePeer, remotePeerFault } from '../../control/remote-identity.js'
import { socketError } from '../../control/socket-error.js'
import type { ShmwireError } from '../../errors.js'
import type { Settings } from '../../options.js'
import type { CallHeaders } from '../tunnel/call-headers.js'
import type { TunnelAddress } from '../tunnel/tunnel-address.js'
import { WebSocketConnection } from './web-socket-connection.js'
import { answerFault, webSocketFault } from './web-socket-fault.js'
import { SUBPROTOCOL, WEB_SOCKET_OPTIONS } from './web-socket-protocol.js'

/** Of an answer that refuses the upgrade. */
const BODY_BYTES_MAX = 1024

/** Begins to connect to a gateway. */
export function dialWebSocket(
  target: TunnelAddress,
  settings: Settings,
  headers: () => Promise<CallHeaders>,
): WebSocketConnection {
  const connection = new WebSocketConnection(target.gateway.text, settings.heartbeat)
  open(connection, target, settings, headers).catch((error: unknown) =>
    connection.lost(error as ShmwireError),
  )
  return connection
}

/** Each connection is checked, because another program can have the address by now, and the id of the session is a secret. */
async function open(
  connection: WebSocketConnection,
  { gateway, path }: TunnelAddress,
  settings: Settings,
  headersOf: () => Promise<CallHeaders>,
): Promise<void> {
  const headers = await headersOf()
  const socket = await openSocket(gateway, withAlpn(settings))
  if (!connection.useSocket(socket)) return
  await connected(socket, gateway.kind === 'tls' ? 'secureConnect' : 'connect', gateway.text)
  connection.knownPeer = identifyRemotePeer(socket)
  const denied = remotePeerFault(connection.knownPeer, gateway.kind, settings)
  if (denied !== undefined) throw denied
  const scheme = gateway.kind === 'tls' ? 'wss' : 'ws'
  const webSocket = new WebSocket(
    `${scheme}://${formatHostAndPort(gateway.host, gateway.port)}${path}`,
    [SUBPROTOCOL],
    { ...WEB_SOCKET_OPTIONS, headers, createConnection: () => socket as never },
  )
  await upgraded(webSocket, connection, gateway.text)
}

function connected(socket: ByteStream, event: string, place: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // An error of the open WebSocket reaches its own listener too.
    socket.on('error', (error: Error) => reject(socketError(error, place)))
    socket.once('close', () => reject(socketError(new Error('the gateway ended the connection'), place)))
    socket.once(event, () => resolve())
  })
}

function upgraded(webSocket: WebSocket, connection: WebSocketConnection, place: string): Promise<void> {
  return new Promise((resolve, reject) => {
    webSocket.on('error', (error: Error) => reject(webSocketFault(error, place)))
    webSocket.once('open', () => {
      // At once, because the first message can follow in the same turn.
      connection.open(webSocket)
      resolve()
    })
    webSocket.once('unexpected-response', (_request, response) => {
      void readBody(response).then((body) => reject(answerFault(response.statusCode ?? 0, body, place)))
    })
  })
}

/** The beginning of a text, for the error. */
function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = Buffer.alloc(0)
    const end = (): void => {
      response.destroy()
      resolve(body.subarray(0, BODY_BYTES_MAX).toString())
    }
    response.on('data', (chunk: Buffer) => {
      body = Buffer.concat([body, chunk])
      if (body.length >= BODY_BYTES_MAX) end()
    })
    response.on('error', end)
    response.once('close', end)
    response.once('end', end)
  })
}

/** Other protocols than HTTP/1.1 cannot be upgraded. */
function withAlpn(settings: Settings): Settings {
  return { ...settings, tls: { ALPNProtocols: ['http/1.1'], ...settings.tls } }
}
