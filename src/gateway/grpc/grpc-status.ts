import type { IncomingHttpHeaders } from 'node:http2'
import { ErrorCode, ShmwireError } from '../../errors.js'

/** The numbers of gRPC for the ends of a tunnel's call. Another number means that the connection broke. */
const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [3, ErrorCode.INVALID_ARGUMENT],
  [7, ErrorCode.DENIED],
  [8, ErrorCode.UNAVAILABLE],
  [12, ErrorCode.VERSION],
  [16, ErrorCode.DENIED],
])

const REMEDIES: ReadonlyMap<number, string> = new Map([
  [12, 'the gateway has no tunnels'],
  [16, 'check the credentials of the client'],
])

/** The error of an answer of HTTP that is not one of gRPC, for example of a proxy. Undefined: it is one. */
export function httpFault(headers: IncomingHttpHeaders, place: string): ShmwireError | undefined {
  const status = headers[':status']
  const type = headers['content-type'] ?? ''
  if (Number(status) === 200 && type.startsWith('application/grpc')) return undefined
  // Proxies answer with these when the gateway does not run.
  const isAbsent = [502, 503, 504].includes(Number(status))
  const remedy = isAbsent ? 'start the gateway' : 'check what listens at the address'
  return new ShmwireError(
    isAbsent ? ErrorCode.NOT_LISTENING : ErrorCode.VERSION,
    `${place} does not answer as a gRPC server (HTTP status ${String(status)}, content-type "${type}"); ${remedy}`,
  )
}

/** The error of a status in headers or trailers. Undefined: the call ended without one. */
export function statusFault(headers: IncomingHttpHeaders, place: string): ShmwireError | undefined {
  const status = Number(headers['grpc-status'] ?? 0)
  if (status === 0) return undefined
  const code = CODES.get(status) ?? ErrorCode.PEER_GONE
  const text = decode(String(headers['grpc-message'] ?? ''))
  const remedy = REMEDIES.get(status)
  const shown = remedy === undefined ? '' : `; ${remedy}`
  return new ShmwireError(code, `${place} ended the call with gRPC status ${status}: ${text}${shown}`)
}

/** The text is percent-encoded. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
