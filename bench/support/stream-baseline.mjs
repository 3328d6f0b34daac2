import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'

/**
 * A competitor on `node:net`.
 * @param {'unix' | 'tcp'} transport
 * @returns {import('../baselines/baseline.js').Baseline}
 */
export function streamBaseline(title, transport, connectionOf) {
  const isTcp = transport === 'tcp'
  return {
    title,

    async listen({ path }, onConnection) {
      // A thousand clients at once must connect without a second attempt.
      const backlog = 1024
      const server = createServer({ noDelay: isTcp }, (socket) => onConnection(connectionOf(socket)))
      server.listen(isTcp ? { host: '127.0.0.1', port: 0, backlog } : { path, backlog })
      await once(server, 'listening')
      if (isTcp) writeFileSync(path, String(server.address().port))
      return { close: () => new Promise((resolve) => server.close(() => resolve())) }
    },

    async connect({ path }) {
      const place = isTcp ? { host: '127.0.0.1', port: Number(readFileSync(path, 'utf8')) } : { path }
      const socket = createConnection({ ...place, noDelay: isTcp })
      await once(socket, 'connect')
      return connectionOf(socket)
    },
  }
}
