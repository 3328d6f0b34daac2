import { readFileSync } from 'node:fs'
import { createFileRegistry, type DescService, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import {
  type CallOptions,
  Code,
  ConnectError,
  createClient,
  decodeBinaryHeader,
  encodeBinaryHeader,
} from '@connectrpc/connect'
import { compressionGzip, createGrpcTransport } from '@connectrpc/connect-node'
import type { Certificate } from './certificates.js'
import type { AnswerMetadata, CaseCallOptions, CaseClients, TestServiceClient } from './interop-cases.js'
import { INTEROP_DESCRIPTORS, type Security } from './interop-server.js'

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(INTEROP_DESCRIPTORS)))

export const TestService = serviceOf('grpc.testing.TestService')
const UnimplementedService = serviceOf('grpc.testing.UnimplementedService')

function serviceOf(name: string): DescService {
  const service = registry.getService(name)
  if (service === undefined) throw new Error(`the descriptor set has no service ${name}`)
  return service
}

/** Clients of connect-node that use gRPC. */
export function connectClients(
  port: string,
  security: Security,
  { ca, cert, key }: Certificate,
): CaseClients {
  const baseUrl = `${security === 'plain' ? 'http' : 'https'}://127.0.0.1:${port}`
  const tls = { plain: {}, tls: { ca }, mutual: { ca, cert, key } }[security]
  const options = { baseUrl, nodeOptions: tls }
  const plain = createGrpcTransport(options)
  const compressing = createGrpcTransport({ ...options, sendCompression: compressionGzip })
  const clientOf = (service: DescService, transport: typeof plain) => {
    const client = createClient(service, transport) as unknown as Record<string, Call>
    return withCaseOptions(client) as unknown as TestServiceClient
  }
  return {
    plain: clientOf(TestService, plain),
    compressed: clientOf(TestService, compressing),
    unimplementedService: clientOf(UnimplementedService, plain),
    failureOf: (error) => {
      const { code, rawMessage } = ConnectError.from(error)
      return { status: statusOf(code), message: rawMessage }
    },
  }
}

type Call = (request: unknown, options: CallOptions) => unknown

function withCaseOptions(client: Record<string, Call>): Record<string, unknown> {
  const entries = Object.entries(client).map(([name, call]) => {
    return [
      name,
      (request: unknown, { metadata, onHeaders, onTrailers, ...options }: CaseCallOptions = {}) =>
        call(request, {
          ...options,
          headers: Object.entries(metadata ?? {}).map(([key, value]): [string, string] => [
            key,
            typeof value === 'string' ? value : encodeBinaryHeader(value as Uint8Array<ArrayBuffer>),
          ]),
          onHeader: (headers) => onHeaders?.(answerMetadata(headers)),
          onTrailer: (trailers) => onTrailers?.(answerMetadata(trailers)),
        }),
    ] as const
  })
  return Object.fromEntries(entries)
}

export function answerMetadata(headers: Headers): AnswerMetadata {
  return {
    get: (name) => {
      const value = headers.get(name) ?? undefined
      return name.endsWith('-bin') && value !== undefined ? decodeBinaryHeader(value) : value
    },
  }
}

/** The name that gRPC has for a code, such as INVALID_ARGUMENT for InvalidArgument. */
function statusOf(code: Code): string {
  const status = Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
  return status === 'CANCELED' ? 'CANCELLED' : status
}
