import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'

/** Passes TCP connections to a port of this machine, and cuts them on request. */
export class CuttingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  connections = 0
  /** The bytes that have passed. */
  bytes = 0

  constructor(port: number) {
    this.#server = createServer((near) => {
      this.connections += 1
      const far = createConnection({ port, host: '127.0.0.1', noDelay: true })
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('data', (chunk: Buffer) => {
          this.bytes += chunk.length
        })
        socket.once('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Resets all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  close(): void {
    this.#server.close()
    this.cut()
  }
}
