import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { SUBPROTOCOL } from './web-socket-protocol.js'

/** A request to upgrade its connection to a WebSocket, as the event `upgrade` of a server of node:http has it. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** The first bytes after the request. */
  readonly head: Buffer
}

/** The answer to a request that the gateway refuses. */
export interface Refusal {
  readonly status: number
  readonly message: string
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Checks what ws does not check. Browsers send `Origin`: a page of another site must not use the credentials that they add. */
export function refusalOf({ headers }: IncomingMessage, origins: readonly string[]): Refusal | undefined {
  const { origin, host = '' } = headers
  if (origin !== undefined && !origins.includes(origin) && !isSameHost(origin, host))
    return { status: 403, message: `the origin ${origin} is not allowed; add it to the option origins` }
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? []
  if (offered.includes(SUBPROTOCOL)) return undefined
  return { status: 400, message: `a tunnel needs the subprotocol ${SUBPROTOCOL} of WebSockets` }
}

function isSameHost(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}

/** Answers with an error, and ends the connection. */
export function refuse(socket: Duplex, { status, message, headers }: Refusal): void {
  if (socket.destroyed) return
  const lines = {
    connection: 'close',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(message)),
    ...headers,
  }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  // The server of node:http has removed its own listener, and a client can end the connection at any time.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${message}`)
}
