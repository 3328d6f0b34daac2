import { linkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = []

afterEach(() => {
  for (const one of servers.splice(0)) end(one)
})

function end({ server, sockets }: { readonly server: Server; readonly sockets: Set<Socket> }): void {
  server.close()
  for (const socket of sockets) socket.destroy()
}

export interface FakeServer {
  readonly path: string
  /** The connections until now. */
  readonly accepted: number
  /** As a killed process does: the connections end, and the files stay. */
  kill(): void
}

/** A program with the files of a server of this name, which does what `serve` says. */
export async function fakeServer(
  directory: string,
  name: string,
  serve: (socket: Socket) => void,
): Promise<FakeServer> {
  const path = join(directory, `${name}.sock`)
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer((socket) => {
    accepted += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    serve(socket)
  })
  const one = { server, sockets }
  servers.push(one)
  // Node unlinks the path at which it was bound.
  await new Promise<void>((resolve) => {
    server.listen(`${path}-bound`, resolve)
  })
  linkSync(`${path}-bound`, path)
  linkSync(`${path}-bound`, `${path}.1`)
  return {
    path,
    get accepted() {
      return accepted
    },
    kill: () => end(one),
  }
}
