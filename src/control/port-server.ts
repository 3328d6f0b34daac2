import { createServer, type Server, type Socket } from 'node:net'
import type { TlsOptions as TlsServerOptions } from 'node:tls'
import type { NetworkAddress } from '../address/network-address.js'
import type { PipeAddress } from '../address/pipe-address.js'
import { log } from '../log/log.js'
import type { Settings } from '../options.js'
import { verifiesCertificates } from './client-certificate.js'
import { ConnectionLimit } from './connection-limit.js'
import { HALF_OPEN_MAX, HALF_OPEN_PER_OWNER_MAX, SERVER_HANDSHAKE_TIMEOUT_MS } from './handshake.js'
import { ownerOfAddress } from './remote-identity.js'
import { withTlsOptions } from './tls-options.js'

/** A server of node:net or node:tls, with the name of its event for a client that can begin the handshake of shmwire. */
export interface PortServer {
  readonly netServer: Server
  readonly event: 'connection' | 'secureConnection'
}

/** Creates the server for an address. It does not listen yet. */
export async function newPortServer(
  { kind, text }: NetworkAddress | PipeAddress,
  settings: Settings,
): Promise<PortServer> {
  if (kind !== 'tls')
    return { netServer: createServer({ pauseOnConnect: true, noDelay: true }), event: 'connection' }
  // Loaded for this only, because it takes a tenth of the start of a small program.
  const { createServer: createTlsServer } = await import('node:tls')
  const { tls = {} } = settings
  const options: TlsServerOptions = {
    noDelay: true,
    ...tls,
    requestCert: tls.requestCert !== false,
    // The handshake of shmwire refuses clients; see clientCertificateFault.
    rejectUnauthorized: !verifiesCertificates(tls) && tls.rejectUnauthorized !== false,
    handshakeTimeout: SERVER_HANDSHAKE_TIMEOUT_MS,
    // Both sides end the connection together, after both have sent CLOSE.
    allowHalfOpen: false,
  }
  const netServer = withTlsOptions(text, () => createTlsServer(options))
  limitHandshakes(netServer)
  netServer.on('tlsClientError', (error) =>
    log(settings.logger, 'client.refused', () => ({ address: text, error })),
  )
  return { netServer, event: 'secureConnection' }
}

/** A client that never finishes its TLS handshake must not keep out the others. The handshake of shmwire has its own limit. */
function limitHandshakes(tlsServer: Server): void {
  const halfOpen = new ConnectionLimit(HALF_OPEN_MAX, HALF_OPEN_PER_OWNER_MAX)
  const open = new Map<string, () => void>()
  tlsServer.on('connection', (socket: Socket) => {
    const leave = halfOpen.enter(ownerOfAddress(socket.remoteAddress), () => socket.destroy())
    const client = nameOf(socket)
    const end = (): void => {
      leave()
      open.delete(client)
    }
    open.set(client, end)
    socket.once('close', end)
  })
  tlsServer.on('secureConnection', (socket: Socket) => open.get(nameOf(socket))?.())
}

/** A TLS socket has no public reference to the socket below it. The address of the client identifies both. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
