import { once } from 'node:events'
import { createServer } from 'node:http2'
import { createConnection } from 'node:net'
import { loadPackage } from '../support/packages.mjs'

/**
 * The Connect protocol over HTTP/2, which was as fast as gRPC's. Messages have one field of bytes.
 * @type {import('./baseline.js').CallBaseline}
 */
export const baseline = {
  title: 'Connect (connect-node) over a Unix socket',
  packages: ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf'],
  isVariant: true,

  async listen({ path }, { call, items }) {
    const { connectNodeAdapter } = loadPackage('@connectrpc/connect-node')
    const routes = (router) =>
      router.service(serviceOf(), {
        call: ({ value }) => ({ value: call(bufferOf(value)) }),
        async *items({ value }) {
          for (const item of items(bufferOf(value))) yield { value: item }
        },
      })
    const server = createServer(connectNodeAdapter({ routes }))
    server.listen({ path })
    await once(server, 'listening')
    return { close: () => new Promise((resolve) => server.close(() => resolve())) }
  },

  async connect({ path }) {
    const { createClient } = loadPackage('@connectrpc/connect')
    const { createConnectTransport, Http2SessionManager } = loadPackage('@connectrpc/connect-node')
    const baseUrl = 'http://localhost'
    const open = { createConnection: () => createConnection(path) }
    const sessionManager = new Http2SessionManager(baseUrl, undefined, open)
    const options = { baseUrl, httpVersion: '2', useBinaryFormat: true, sessionManager }
    const client = createClient(serviceOf(), createConnectTransport(options))
    return {
      transport: 'http2',
      call: async (message) => bufferOf((await client.call({ value: message })).value),
      async receive(request, onItem) {
        for await (const { value } of client.items({ value: request })) onItem(bufferOf(value))
      },
      async close() {
        sessionManager.abort()
      },
    }
  },
}

/** The definition that a compiler of .proto files would write. */
function serviceOf() {
  const { create, createFileRegistry } = loadPackage('@bufbuild/protobuf')
  const { FileDescriptorProtoSchema, FileDescriptorSetSchema, file_google_protobuf_wrappers } =
    loadPackage('@bufbuild/protobuf/wkt')
  const bytes = '.google.protobuf.BytesValue'
  const method = (name, serverStreaming) => ({ name, serverStreaming, inputType: bytes, outputType: bytes })
  const file = create(FileDescriptorProtoSchema, {
    name: 'bench.proto',
    package: 'bench',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [{ name: 'Bench', method: [method('Call', false), method('Items', true)] }],
  })
  const files = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] })
  return createFileRegistry(files).getService('bench.Bench')
}

function bufferOf({ buffer, byteOffset, length }) {
  return Buffer.from(buffer, byteOffset, length)
}
