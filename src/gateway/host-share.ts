import type { Server, Socket } from 'node:net'
import { ownerOfAddress } from '../control/remote-identity.js'
import { OwnerCount } from './owner-count.js'

/**
 * Ends connections of a host that has half of all connections already, so that one host cannot keep the others out. `isProxy` says whether an
 * address stands for many clients. `onRefused` gets the address of an ended connection.
 */
export function shareConnections(
  server: Server,
  maxConnections: number,
  onRefused: (address: string) => void,
  isProxy: (address: string) => boolean = () => false,
): void {
  const count = new OwnerCount(maxConnections)
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    if (isProxy(remoteAddress)) return
    const owner = ownerOfAddress(remoteAddress)
    if (count.enter(owner)) {
      socket.once('close', () => count.leave(owner))
      return
    }
    onRefused(remoteAddress)
    socket.destroy()
  })
}
