import { once } from 'node:events'
import { connect, createServer, type Server, type Socket, type SocketConstructorOpts } from 'node:net'
import { afterEach } from 'vitest'
import { socketPath } from './local-address.js'
import { temporaryDirectory } from './temporary-directory.js'

const servers: Server[] = []
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

/** A connected pair of Unix sockets. The accepted socket is paused, as in `listen`. */
export async function socketPair(
  clientOptions: SocketConstructorOpts = {},
): Promise<{ client: Socket; server: Socket }> {
  const listener = createServer({ pauseOnConnect: true })
  servers.push(listener)
  const path = socketPath(temporaryDirectory())
  listener.listen(path)
  await once(listener, 'listening')
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const client = connect({ path, ...clientOptions })
  const [server] = await accepted
  sockets.push(client, server)
  return { client, server }
}
