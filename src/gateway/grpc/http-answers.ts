import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { stopClient } from './answered-stream.js'
import { type CallStatus, encodeStatusMessage } from './call-status.js'

/** Subtypes such as grpc-web and grpc+json are other protocols. */
const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/

/** The answer to a request that is not a call of gRPC. */
export function httpFaultOf(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  if (headers[':method'] !== 'POST') return { ':status': 405, allow: 'POST' }
  return CONTENT_TYPE.test(headers['content-type'] ?? '') ? undefined : { ':status': 415 }
}

/** Ends a call before it begins. */
export function refuseCall(stream: ServerHttp2Stream, { code, message }: CallStatus): void {
  respond(stream, {
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': String(code),
    'grpc-message': encodeStatusMessage(message),
  })
}

/** Answers with headers alone. */
export function respond(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.respond(headers, { endStream: true })
  stream.resume()
  stream.once('finish', () => stopClient(stream))
}
