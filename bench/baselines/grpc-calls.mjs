import { promisify } from 'node:util'
import { loadPackage } from '../support/packages.mjs'

const asIs = (bytes) => bytes
/** Messages are plain bytes without protobuf, which costs less than any serializer. */
const SERIALIZERS = {
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
}
const CALL = { path: '/shmwire.Bench/Call', requestStream: false, responseStream: false, ...SERIALIZERS }
const ITEMS = { path: '/shmwire.Bench/Items', requestStream: false, responseStream: true, ...SERIALIZERS }

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = {
  title: 'gRPC (grpc-js) over a Unix socket',
  packages: ['@grpc/grpc-js'],
  isVariant: true,

  async listen({ path }, { call, items }) {
    const { Server, ServerCredentials } = loadPackage('@grpc/grpc-js')
    const server = new Server()
    server.addService(
      { call: CALL, items: ITEMS },
      {
        call: ({ request }, answer) => answer(null, call(request)),
        items: (stream) => writeAll(stream, items(stream.request)),
      },
    )
    await promisify(server.bindAsync.bind(server))(`unix:${path}`, ServerCredentials.createInsecure())
    return { close: () => new Promise((resolve) => server.tryShutdown(() => resolve())) }
  },

  async connect({ path }) {
    const { Client, credentials } = loadPackage('@grpc/grpc-js')
    // A separate session for each client, as each competitor has its own socket.
    const options = { 'grpc.use_local_subchannel_pool': 1 }
    return new GrpcCaller(new Client(`unix:${path}`, credentials.createInsecure(), options))
  },
}

/** Without an async iterator, which would cost more. */
function writeAll(stream, items) {
  const write = () => {
    for (;;) {
      const { done, value } = items.next()
      if (done) return stream.end()
      if (!stream.write(value)) return stream.once('drain', write)
    }
  }
  write()
}

class GrpcCaller {
  transport = 'http2'
  #client

  constructor(client) {
    this.#client = client
  }

  call(message) {
    return new Promise((resolve, reject) => {
      const settle = (error, answer) => {
        if (error instanceof Error) reject(error)
        else resolve(answer)
      }
      this.#client.makeUnaryRequest(CALL.path, asIs, asIs, message, settle)
    })
  }

  receive(request, onItem) {
    return new Promise((resolve, reject) => {
      const stream = this.#client.makeServerStreamRequest(ITEMS.path, asIs, asIs, request)
      stream.on('data', onItem)
      stream.on('end', resolve)
      stream.on('error', reject)
    })
  }

  async close() {
    this.#client.close()
  }
}
