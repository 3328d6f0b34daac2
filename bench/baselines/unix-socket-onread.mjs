import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { BatchedStreamConnection } from '../support/batched-stream.mjs'

const CHUNK_BYTES = 256 * 1024

/**
 * Like unix-socket-whole.mjs, but the receiver reads into one buffer that it keeps (`onread`), so that no chunk is allocated.
 * Node offers this only to the side that connects: the server connects back to its client, which must listen first.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  title: 'net, whole messages, onread',
  isVariant: true,

  async listen({ path }, onConnection) {
    const server = createServer((greeting) => {
      greeting.end()
      onConnection(receivingConnection(backOf(path)))
    })
    server.listen(path)
    await once(server, 'listening')
    return { close: () => new Promise((resolve) => server.close(() => resolve())) }
  },

  async connect({ path }) {
    const back = createServer()
    back.listen(backOf(path))
    await once(back, 'listening')
    createConnection({ path }).resume()
    const [socket] = await once(back, 'connection')
    back.close()
    return new BatchedStreamConnection(socket, 'unix')
  },
}

function backOf(path) {
  return `${path}.back`
}

function receivingConnection(path) {
  const onread = {
    buffer: Buffer.allocUnsafeSlow(CHUNK_BYTES),
    callback(length, buffer) {
      connection.receive(buffer.subarray(0, length))
      return true
    },
  }
  const connection = new BatchedStreamConnection(createConnection({ path, onread }), 'unix')
  return connection
}
