import { once } from 'node:events'
import { createServer } from 'node:http'
import { KEPT_BYTES_MIN, PENDING_BYTES_MAX } from '../support/bounds.mjs'
import { loadPackage } from '../support/packages.mjs'

/** Requests in transit on the one connection. More were not faster. */
const PIPELINED_MAX = 64
const NOTHING = 204

/**
 * HTTP/1.1 with keep-alive on a Unix socket: undici with pipelining, against node:http. Each message is a request. The
 * messages of the server are the body of its response.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  title: 'HTTP keep-alive, undici',
  packages: ['undici'],
  lacks: { push: 'a server only answers requests' },

  async listen({ path }, onConnection) {
    const connections = new WeakMap()
    const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
      connections.get(request.socket).answer(request, response)
    })
    server.on('connection', (socket) => {
      const connection = new ServerConnection(socket)
      connections.set(socket, connection)
      onConnection(connection)
    })
    server.listen({ path, backlog: 1024 })
    await once(server, 'listening')
    return { close: () => new Promise((resolve) => server.close(() => resolve())) }
  },

  async connect({ path }) {
    const { Client } = loadPackage('undici')
    const client = new Client('http://localhost', {
      socketPath: path,
      pipelining: PIPELINED_MAX,
      bodyTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 600_000,
      keepAliveMaxTimeout: 600_000,
    })
    // It connects with its first request.
    const { body } = await client.request({ path: '/', method: 'GET' })
    await body.dump()
    return new ClientConnection(client)
  },
}

class ServerConnection {
  transport = 'http'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #reply

  constructor(socket) {
    socket.once('close', () => this.onClose())
  }

  answer(request, response) {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      this.#reply = undefined
      if (request.method === 'POST') this.onMessage(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
      if (this.#reply === undefined) response.writeHead(NOTHING).end()
      else response.writeHead(200, { 'content-length': this.#reply.length }).end(this.#reply)
    })
  }

  trySend(message) {
    this.#reply = message
    return true
  }

  async close() {}
}

class ClientConnection {
  transport = 'http'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #client
  #pendingBytes = 0
  #pending = 0
  #wantsRoom = false

  constructor(client) {
    this.#client = client
    client.on('disconnect', () => this.onClose())
  }

  trySend(message) {
    if (this.#pendingBytes >= PENDING_BYTES_MAX || this.#pending >= PIPELINED_MAX) {
      this.#wantsRoom = true
      return false
    }
    this.#pending += 1
    this.#pendingBytes += message.length
    // Bodies of pipelined requests are kept until they are written.
    const body = message.length < KEPT_BYTES_MIN ? Buffer.from(message) : message
    // Only idempotent requests are pipelined.
    this.#client.dispatch(
      { path: '/', method: 'POST', body, idempotent: true },
      this.#handlerFor(message.length),
    )
    return true
  }

  async close() {
    if (this.#client.closed) return
    await this.#client.close()
  }

  #handlerFor(bytes) {
    const chunks = []
    let isReply = false
    return {
      onRequestStart() {},
      onResponseStart(_controller, status) {
        isReply = status !== NOTHING
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd: () => {
        this.#done(bytes)
        if (isReply) this.onMessage(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
      },
      onResponseError: () => this.onClose(),
    }
  }

  #done(bytes) {
    this.#pending -= 1
    this.#pendingBytes -= bytes
    if (!this.#wantsRoom) return
    this.#wantsRoom = false
    this.onDrain()
  }
}
