import { once } from 'node:events'
import { promisify } from 'node:util'
import { KEPT_BYTES_MIN, PENDING_BYTES_MAX } from '../support/bounds.mjs'
import { loadPackage } from '../support/packages.mjs'

/** One stream of messages in both directions, the fastest call of gRPC. Messages are plain bytes without protobuf. */
const METHOD = {
  path: '/shmwire.Bench/Exchange',
  requestStream: true,
  responseStream: true,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
}
const CONNECT_MS = 10_000
const CHANNEL = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }

/** @type {import('./baseline.js').Baseline} */
export const baseline = {
  title: 'gRPC, stream over a Unix socket',
  packages: ['@grpc/grpc-js'],

  async listen({ path }, onConnection) {
    const { Server, ServerCredentials } = loadPackage('@grpc/grpc-js')
    const server = new Server(CHANNEL)
    server.addService({ exchange: METHOD }, { exchange: (call) => onConnection(new CallConnection(call)) })
    const bind = promisify(server.bindAsync.bind(server))
    await bind(`unix:${path}`, ServerCredentials.createInsecure())
    return { close: () => new Promise((resolve) => server.tryShutdown(() => resolve())) }
  },

  async connect({ path }) {
    const { Client, credentials } = loadPackage('@grpc/grpc-js')
    // A separate session for each connection, as each competitor has its own socket.
    const options = { ...CHANNEL, 'grpc.use_local_subchannel_pool': 1 }
    const client = new Client(`unix:${path}`, credentials.createInsecure(), options)
    const call = client.makeBidiStreamRequest(
      METHOD.path,
      METHOD.requestSerialize,
      METHOD.responseDeserialize,
    )
    await promisify(client.waitForReady.bind(client))(Date.now() + CONNECT_MS)
    return new CallConnection(call, client)
  },
}

class CallConnection {
  transport = 'http2'
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #call
  #client
  #streamIsFull = false
  #pendingBytes = 0
  #wantsRoom = false
  #isOver = false

  constructor(call, client) {
    this.#call = call
    this.#client = client
    call.on('data', (message) => this.onMessage(message))
    call.on('drain', () => {
      this.#streamIsFull = false
      this.#roomAgain()
    })
    call.on('error', () => this.#over())
    call.on('end', () => {
      if (client === undefined) call.end()
      this.#over()
    })
  }

  trySend(message) {
    if (this.#streamIsFull || this.#pendingBytes >= PENDING_BYTES_MAX) {
      this.#wantsRoom = true
      return false
    }
    const { length } = message
    if (length < KEPT_BYTES_MIN) {
      // The stream keeps what it cannot write at once.
      this.#streamIsFull = !this.#call.write(Buffer.from(message))
    } else {
      // The library counts messages, not bytes.
      this.#pendingBytes += length
      this.#streamIsFull = !this.#call.write(message, () => {
        this.#pendingBytes -= length
        this.#roomAgain()
      })
    }
    return true
  }

  async close() {
    if (this.#isOver) return
    const ended = once(this.#call, 'end')
    this.#call.end()
    await ended
    this.#client?.close()
  }

  #roomAgain() {
    if (!this.#wantsRoom || this.#streamIsFull || this.#pendingBytes >= PENDING_BYTES_MAX) return
    this.#wantsRoom = false
    this.onDrain()
  }

  #over() {
    if (this.#isOver) return
    this.#isOver = true
    this.onClose()
  }
}
