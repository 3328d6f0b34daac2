import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import type { GrpcGatewayOptions } from '../../src/gateway/grpc/gateway-options.js'
import { type GrpcGateway, grpcGateway } from '../../src/gateway/grpc/grpc-gateway.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { type ProtoContract, protoContract } from '../../src/service/proto/proto-contract.js'
import { type ServeOptions, serve } from '../../src/service/serve.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'
import { testService } from './proto-files.js'

export const Users: ProtoContract = protoContract(testService('user.UserService'))

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
export type Message = any

const NO_REQUEST = (): never => {
  throw new Error('the test does not call this method')
}

/** Handlers of `UserService`; those that a test does not pass fail. */
export function userHandlers(own: Record<string, unknown>): Handlers<Contract> {
  const names = Users.descriptor.methods.map(({ localName }) => localName)
  return { ...Object.fromEntries(names.map((name) => [name, NO_REQUEST])), ...own } as Handlers<Contract>
}

export interface OpenGateway {
  readonly gateway: GrpcGateway
  readonly client: UserClient
}

/** A gateway in front of `UserService` with these handlers, and a client. All end with the test. */
export async function openGateway(
  own: Record<string, unknown>,
  options: Partial<GrpcGatewayOptions> = {},
  serveOptions: ServeOptions = {},
): Promise<OpenGateway> {
  const [left, right] = createChannelPair()
  await serve(right, userHandlers(own), { ...serveOptions, contract: Users as Contract })
  const { gateway, client } = await startGateway({
    services: [{ contract: Users, target: left }],
    ...options,
  })
  onTestFinished(() => left.destroy())
  return { gateway, client }
}

/** A gateway at a free port of this machine. */
export async function startGateway(
  options: Omit<GrpcGatewayOptions, 'listen'> & Partial<GrpcGatewayOptions>,
): Promise<OpenGateway> {
  const gateway = await grpcGateway({ listen: '127.0.0.1:0', ...options })
  onTestFinished(() => gateway.close({ timeoutMs: 0 }))
  return { gateway, client: userClient(gateway) }
}

export function userClient({ address }: GrpcGateway, options: ClientOptions = {}): UserClient {
  return clientAt(address, options)
}

/** A client of the gateway at an address. */
export function clientAt(address: string, options: ClientOptions = {}): UserClient {
  const client = new UserClient(new Client(address, credentials.createInsecure(), options))
  onTestFinished(() => client.close())
  return client
}

/** The outcome of a call with one answer. */
export interface Outcome {
  readonly response: Message
  readonly headers: Metadata | undefined
  readonly status: StatusObject
}

/** A client of grpc-js with the methods of a contract. */
export class UserClient {
  readonly raw: Client
  readonly #contract: ProtoContract

  constructor(raw: Client, contract: ProtoContract = Users) {
    this.raw = raw
    this.#contract = contract
  }

  /** Resolves with the outcome, also of a call that fails. */
  unary(
    name: string,
    request: Message,
    { metadata = new Metadata(), ...options }: CallOptions & { metadata?: Metadata } = {},
  ): Promise<Outcome> {
    const { path, encode, decode } = this.method(name)
    return new Promise((resolve) => {
      let response: Message
      let headers: Metadata | undefined
      this.raw
        .makeUnaryRequest(path, encode, decode, request, metadata, options, (_error, message) => {
          response = message
        })
        .on('metadata', (received) => {
          headers = received
        })
        .on('status', (status) => {
          // The callback follows.
          setImmediate(() => resolve({ response, headers, status }))
        })
    })
  }

  serverStream(
    name: string,
    request: Message,
    { metadata = new Metadata(), ...options }: CallOptions & { metadata?: Metadata } = {},
  ): ClientReadableStream<Message> {
    const { path, encode, decode } = this.method(name)
    return this.raw.makeServerStreamRequest(path, encode, decode, request, metadata, options)
  }

  clientStream(
    name: string,
    options: CallOptions = {},
  ): { call: ClientWritableStream<Message>; outcome: Promise<Outcome> } {
    const { path, encode, decode } = this.method(name)
    let response: Message
    const call = this.raw.makeClientStreamRequest(
      path,
      encode,
      decode,
      new Metadata(),
      options,
      (_error, message) => {
        response = message
      },
    )
    const outcome = new Promise<Outcome>((resolve) => {
      call.on('status', (status: StatusObject) =>
        setImmediate(() => resolve({ response, headers: undefined, status })),
      )
    })
    return { call, outcome }
  }

  bidi(name: string, options: CallOptions = {}): ClientDuplexStream<Message, Message> {
    const { path, encode, decode } = this.method(name)
    return this.raw.makeBidiStreamRequest(path, encode, decode, new Metadata(), options)
  }

  method(name: string) {
    const found = this.#contract.descriptor.methods.find((method) => method.name === name)
    if (found === undefined) throw new Error(`the contract has no method ${name}`)
    const { input, output } = found
    return {
      path: `/${this.#contract.descriptor.typeName}/${name}`,
      encode: (message: Message): Buffer => Buffer.from(toBinary(input, create(input, message))),
      decode: (bytes: Buffer): Message => fromBinary(output, bytes),
    }
  }

  close(): void {
    this.raw.close()
  }
}

/** The messages of a stream until its end, with its headers and its status. */
export async function taken(
  call: ClientReadableStream<Message> | ClientDuplexStream<Message, Message>,
): Promise<{ messages: Message[]; headers: Metadata | undefined; status: StatusObject }> {
  const messages: Message[] = []
  let headers: Metadata | undefined
  call.on('data', (message: Message) => messages.push(message))
  call.on('metadata', (received: Metadata) => {
    headers = received
  })
  // The status has it too.
  call.on('error', () => {})
  const status = await new Promise<StatusObject>((resolve) => {
    call.on('status', resolve)
  })
  return { messages, headers, status }
}

/** Metadata of grpc-js. */
export function metadataOf(entries: Record<string, string | Buffer>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value)
  return metadata
}
