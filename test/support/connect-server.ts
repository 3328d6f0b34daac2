import { once } from 'node:events'
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Code, ConnectError, encodeBinaryHeader, type HandlerContext } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import type { ServiceError } from '../../src/index.js'
// @ts-expect-error: plain JavaScript
import { testHandlers } from '../interop/children/test-service.mjs'
import type { Certificate } from './certificates.js'
import { answerMetadata, TestService } from './connect-clients.js'
import type { Security } from './interop-server.js'

/** Starts `grpc.testing.TestService` in connect-node, with the handlers that the gateway serves too. */
export async function startConnectServer(
  security: Security,
  { ca, cert, key }: Certificate,
): Promise<{ readonly port: string; readonly close: () => void }> {
  const adapter = connectNodeAdapter({
    routes: (router) => router.service(TestService, withContexts(testHandlers()) as object),
  })
  const server: Http2Server | Http2SecureServer =
    security === 'plain'
      ? createServer(adapter)
      : createSecureServer({ ca, cert, key, requestCert: security === 'mutual' }, adapter)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: String((server.address() as AddressInfo).port), close: () => void server.close() }
}

type Handler = (request: unknown, context: object) => unknown

function withContexts(handlers: Record<string, Handler>): Record<string, unknown> {
  const entries = Object.entries(handlers).map(([name, handler]) => {
    const isStream = handler.constructor.name === 'AsyncGeneratorFunction'
    return [name, isStream ? streamOf(handler) : unaryOf(handler)] as const
  })
  return Object.fromEntries(entries)
}

function unaryOf(handler: Handler) {
  return async (request: unknown, context: HandlerContext): Promise<unknown> => {
    try {
      return await handler(request, contextOf(context))
    } catch (error) {
      throw connectError(error)
    }
  }
}

function streamOf(handler: Handler) {
  return async function* (request: unknown, context: HandlerContext): AsyncGenerator {
    try {
      yield* handler(request, contextOf(context)) as AsyncIterable<unknown>
    } catch (error) {
      throw connectError(error)
    }
  }
}

/** The members of a CallContext that the handlers read. */
function contextOf({ requestHeader, responseHeader, responseTrailer, signal }: HandlerContext): object {
  return {
    signal,
    metadata: answerMetadata(requestHeader),
    headers: { set: setter(responseHeader) },
    trailers: { set: setter(responseTrailer) },
  }
}

function setter(headers: Headers) {
  return (name: string, value: string | Uint8Array): void =>
    headers.set(
      name,
      typeof value === 'string' ? value : encodeBinaryHeader(value as Uint8Array<ArrayBuffer>),
    )
}

/** The error with the same status for connect-node, which names it InvalidArgument for INVALID_ARGUMENT. */
function connectError(error: unknown): unknown {
  const { status, rawMessage } = error as Partial<ServiceError>
  if (status === undefined) return error
  const code = Object.entries(Code).find(([name]) => name.toUpperCase() === status.replaceAll('_', ''))?.[1]
  return new ConnectError(rawMessage as string, code as Code)
}
