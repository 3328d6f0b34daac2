import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import { type CallOptions, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect'
import { connectNodeAdapter, createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { Server, ServerCredentials, type ServiceDefinition, status } from '@grpc/grpc-js'
import { beforeEach, describe, expect, it } from 'vitest'
import { agent, attach } from '../../src/adapter/http.js'
import { createConnection } from '../../src/adapter/stream.js'
import { listenForSockets } from '../support/byte-server.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

beforeEach(() => {
  ownRuntimeDirectory()
})

/** `service Echo { rpc Say(Text) returns (Text); rpc Count(Text) returns (stream Text); }` */
const file = create(FileDescriptorProtoSchema, {
  name: 'echo.proto',
  package: 'echo',
  syntax: 'proto3',
  messageType: [
    {
      name: 'Text',
      field: [
        {
          name: 'text',
          jsonName: 'text',
          number: 1,
          label: FieldDescriptorProto_Label.OPTIONAL,
          type: FieldDescriptorProto_Type.STRING,
        },
      ],
    },
  ],
  service: [
    {
      name: 'Echo',
      method: [
        { name: 'Say', inputType: '.echo.Text', outputType: '.echo.Text' },
        { name: 'Count', inputType: '.echo.Text', outputType: '.echo.Text', serverStreaming: true },
      ],
    },
  ],
})
const Echo = createFileRegistry(file, () => undefined).getService('echo.Echo') as DescService

interface Text {
  readonly text: string
}

interface EchoClient {
  say(request: Text, options?: CallOptions): Promise<Text>
  count(request: Text, options?: CallOptions): AsyncIterable<Text>
}

const implementation = {
  say({ text }: Text) {
    if (text === 'bad') throw new ConnectError('refused', Code.InvalidArgument)
    return { text: `said ${text}` }
  },
  async *count({ text }: Text) {
    for (let index = 0; index < Number(text); index += 1) yield { text: String(index) }
  },
}

async function expectEcho(transport: Transport): Promise<void> {
  const client = createClient(Echo, transport) as unknown as EchoClient
  expect((await client.say({ text: 'this' })).text).toBe('said this')
  await expect(client.say({ text: 'bad' })).rejects.toMatchObject({ code: Code.InvalidArgument })
  const counted: string[] = []
  for await (const { text } of client.count({ text: '300' })) counted.push(text)
  expect(counted).toEqual(Array.from({ length: 300 }, (_, index) => String(index)))
}

describe('connect-node over a channel', () => {
  const routes = connectNodeAdapter({ routes: (router) => router.service(Echo, implementation as object) })

  it('carries the Connect protocol over HTTP/1.1', async () => {
    const attached = await attach(createServer(routes), 'rpc')
    const client = agent('rpc')
    await expectEcho(
      createConnectTransport({
        baseUrl: 'http://localhost',
        httpVersion: '1.1',
        nodeOptions: { agent: client },
      }),
    )
    client.destroy()
    await attached.close()
  })

  it('carries gRPC over HTTP/2', async () => {
    const attached = await attach(createHttp2Server(routes), 'rpc')
    await expectEcho(
      createGrpcTransport({
        baseUrl: 'http://localhost',
        nodeOptions: { createConnection: () => createConnection('rpc') },
      }),
    )
    await attached.close()
  })
})

describe('a server of grpc-js over a channel', () => {
  it('answers through createConnectionInjector', async () => {
    const server = new Server()
    const definition: ServiceDefinition = {
      Say: methodOf('/echo.Echo/Say', false),
      Count: methodOf('/echo.Echo/Count', true),
    }
    server.addService(definition, {
      Say: ({ request }: { request: string }, callback: (error: object | null, reply?: string) => void) =>
        request === 'bad'
          ? callback({ code: status.INVALID_ARGUMENT, details: 'refused' })
          : callback(null, `said ${request}`),
      Count: (call: { request: string; write(reply: string): void; end(): void }) => {
        for (let index = 0; index < Number(call.request); index += 1) call.write(String(index))
        call.end()
      },
    })
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
    const listening = await listenForSockets('grpc', (socket) => injector.injectConnection(socket), {
      allowHalfOpen: true,
    })
    await expectEcho(
      createGrpcTransport({
        baseUrl: 'http://localhost',
        nodeOptions: { createConnection: () => createConnection('grpc') },
      }),
    )
    injector.destroy()
    server.forceShutdown()
    await listening.close()
  })
})

/** A method whose messages have one string with the field number 1. */
function methodOf(path: string, responseStream: boolean): ServiceDefinition[string] {
  const serialize = (text: string): Buffer => {
    const bytes = Buffer.from(text)
    return bytes.length === 0 ? bytes : Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes])
  }
  const deserialize = (bytes: Buffer): string => String(bytes.subarray(2))
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  }
}
