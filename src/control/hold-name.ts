import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { log } from '../log/log.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings, WaitOptions } from '../options.js'
import type { HeldLease } from './held-lease.js'
import { acquireNameLease, type WhenInUse } from './name-lease.js'
import { refuseDescriptors } from './refuse-descriptors.js'
import { prepareRuntimeDirectory } from './runtime-directory.js'
import { ServerHandoverSocket } from './server-handover.js'

export interface NameOptions {
  /** The path of the control socket. */
  readonly path: string
  /** The address as the user wrote it, for messages. */
  readonly text: string
  /** The runtime directory; undefined if the user chose the path. */
  readonly directory: string | undefined
  readonly settings: Settings
  readonly native: NativeLoad
}

/** The sockets and the lease of a server that holds its address. */
export interface Holding {
  /** Listens. Add `connection` listeners in the turn in which `holdName` resolves. */
  readonly netServer: NetServer
  readonly lease: HeldLease
  readonly handover: ServerHandoverSocket
}

/** Waits for the address and holds it. Rejects like `acquireNameLease`, and then leaves nothing open. */
export async function holdName(
  { path, text, directory, settings, native }: NameOptions,
  bounds: WaitOptions & { readonly whenInUse?: WhenInUse | undefined },
): Promise<Holding> {
  if (directory !== undefined) prepareRuntimeDirectory(directory)
  const netServer = createServer({ pauseOnConnect: true })
  const handover = new ServerHandoverSocket(native, settings)
  const guard = (socket: Socket | NetServer): void => refuseDescriptors(socket, native)
  // Accepted sockets inherit this, except those of earlier clients. Both calls precede the first read or close of a socket.
  netServer.on('listening', () => guard(netServer))
  netServer.on('connection', (socket) => guardAccepted(socket, guard, settings))
  try {
    const openHandover = (handoverPath: string): void => handover.open(handoverPath)
    const lease = await acquireNameLease(path, netServer, { ...bounds, text, openHandover, guard })
    return { netServer, lease, handover }
  } catch (error) {
    handover.close()
    throw error
  }
}

function guardAccepted(socket: Socket, guard: (socket: Socket) => void, settings: Settings): void {
  try {
    guard(socket)
  } catch (error) {
    // The socket is shut down, so the handshake ends with PEER_GONE.
    log(settings.logger, 'client.refused', () => ({ error }))
  }
}
