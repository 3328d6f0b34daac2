import {
  create,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import {
  type Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerOptions,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { type GrpcServiceMembers, grpcService } from '../../src/gateway/grpc/grpc-service.js'
import type { GrpcServiceOptions } from '../../src/gateway/grpc/grpc-service-options.js'
import type { CallOptions } from '../../src/service/call/call-context.js'
import { protoContract } from '../../src/service/proto/proto-contract.js'
import { testService } from './proto-files.js'

export const USERS = testService('user.UserService')
export const Users = protoContract(USERS)

/** The call and the callback of grpc-js, for a handler of any kind. */
// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
export type GrpcHandler = (call: any, callback: any) => void

export interface TestServerOptions {
  readonly port?: number
  readonly credentials?: ServerCredentials
  readonly channel?: ServerOptions
}

const servers = new Set<Server>()

/** A server of grpc-js with some methods of the test service. The names of the handlers are those of the .proto file. */
export class GrpcTestServer {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(
    handlers: Readonly<Record<string, GrpcHandler>>,
    { port = 0, credentials = ServerCredentials.createInsecure(), channel = {} }: TestServerOptions = {},
  ): Promise<GrpcTestServer> {
    const server = new Server(channel)
    const methods = USERS.methods.filter(({ name }) => name in handlers)
    server.addService(
      Object.fromEntries(methods.map((method) => [method.name, definitionOf(method)])),
      handlers as UntypedServiceImplementation,
    )
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => (error ? reject(error) : resolve(at)))
    })
    servers.add(server)
    return new GrpcTestServer(server, bound)
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Ends all connections at once. */
  kill(): void {
    this.#server.forceShutdown()
    servers.delete(this.#server)
  }
}

type UserMethod = 'getUser' | 'putUser' | 'createUser' | 'streamUsers' | 'upload' | 'chat'

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
type TestMessage = any

/** Returns a promise or a stream. */
type UserCall = (
  request?: unknown,
  options?: CallOptions,
) => Promise<TestMessage> & AsyncIterableIterator<TestMessage, undefined>

/** A service with the methods of the test service. */
export type TestUsers = GrpcServiceMembers & Readonly<Record<UserMethod, UserCall>>

const services = new Set<TestUsers>()

/** Connects to the test service at the address. */
export async function usersAt(address: string, options?: GrpcServiceOptions): Promise<TestUsers> {
  const made: object = await grpcService(Users, address, options)
  const users = made as TestUsers
  services.add(users)
  return users
}

/** For `afterEach`. */
export async function endTestServers(): Promise<void> {
  for (const users of services) await users.$close({ timeoutMs: 0 }).catch(() => {})
  services.clear()
  for (const server of servers) server.forceShutdown()
  servers.clear()
}

/** A handler of a method with one message in each direction. */
export function answer(message: (request: never, metadata: Metadata) => object): GrpcHandler {
  return (call, callback) => callback(null, message(call.request as never, call.metadata))
}

/** An error as handlers of grpc-js report it. */
export function grpcError(code: number, details: string, metadata?: Metadata): Error {
  return Object.assign(new Error(details), { code, details, ...(metadata === undefined ? {} : { metadata }) })
}

function definitionOf({
  name,
  parent,
  input,
  output,
  methodKind,
}: DescMethod): MethodDefinition<Message, object> {
  return {
    path: `/${parent.typeName}/${name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    // A handler of a test can also send bytes that are not a message.
    responseSerialize: (message) =>
      Buffer.isBuffer(message)
        ? message
        : Buffer.from(toBinary(output, create(output, message as MessageInitShape<typeof output>))),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  }
}

/** The names of users. */
export function namesOf(messages: readonly unknown[]): unknown {
  return messages.map((user) => (user as TestMessage).name as string)
}

export async function* manyUsers(count: number, name = 'x'): AsyncGenerator {
  for (let id = 0; id < count; id += 1) yield { id: BigInt(id), name }
}

/** A client of a server with these handlers, which reads messages of any length. */
export async function openUsers(
  handlers: Readonly<Record<string, GrpcHandler>>,
  options: GrpcServiceOptions = {},
): Promise<TestUsers> {
  const server = await GrpcTestServer.start(handlers, { channel: { 'grpc.max_receive_message_length': -1 } })
  return usersAt(server.address, options)
}

/** A handler that sends `count` long users as fast as the client takes them, and reports each. */
export function sendsLongUsers(count: number, onSent: () => void): GrpcHandler {
  return (call) => {
    let sent = 0
    const write = (): void => {
      while (sent < count) {
        sent += 1
        onSent()
        if (!call.write({ name: 'x'.repeat(10_000) })) {
          call.once('drain', write)
          return
        }
      }
      call.end()
    }
    write()
  }
}
