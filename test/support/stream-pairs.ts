import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer, type ListenOptions, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer as createTlsServer } from 'node:tls'
import type { ByteStream } from '../../src/byte-stream.js'
import { JoinedStream } from '../../src/joined-stream.js'
import { sharedCertificate } from './certificates.js'
import { duplexPair } from './duplex-pair.js'
import { socketPath } from './local-address.js'

/** Creates two connected streams of bytes, as the handshake leaves them: paused, with one `error` listener that does nothing. */
export type JoinStreams = () => Promise<[ByteStream, ByteStream]>

export const joinUnixSockets: JoinStreams = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  try {
    return await joinSockets({ path: socketPath(directory) })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export const joinTcpSockets: JoinStreams = () => joinSockets({ host: '127.0.0.1', port: 0 })

export const joinTlsSockets: JoinStreams = async () => {
  const certificate = sharedCertificate()
  const server = createTlsServer({ ...certificate, requestCert: true, noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[Socket]>
  const left = connect({ ...certificate, host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  left.setNoDelay(true)
  await once(left, 'secureConnect')
  const [right] = await accepted
  server.close()
  return ready(left, right)
}

export const joinDuplexes: JoinStreams = async () => ready(...duplexPair())

/** As of a child and its parent: one pipe for each direction. */
export const joinStandardStreams: JoinStreams = async () => {
  const [down, up] = [await joinUnixSockets(), await joinUnixSockets()]
  return ready(
    new JoinedStream({ readable: up[0], writable: down[0] }),
    new JoinedStream({ readable: down[1], writable: up[1] }),
  )
}

async function joinSockets(options: ListenOptions): Promise<[ByteStream, ByteStream]> {
  const server = createServer({ pauseOnConnect: true, noDelay: true })
  server.listen(options)
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const place = server.address() as AddressInfo | string
  const left =
    typeof place === 'string'
      ? createConnection(place)
      : createConnection({ host: place.address, port: place.port, noDelay: true })
  await once(left, 'connect')
  const [right] = await accepted
  server.close()
  return ready(left, right)
}

function ready(left: ByteStream, right: ByteStream): [ByteStream, ByteStream] {
  for (const stream of [left, right]) stream.on('error', () => {}).pause()
  return [left, right]
}
