import type { FastifyRequest } from 'fastify'
import type { Exchange } from './exchange.js'
import { type IdempotencyKeys, type Idempotent, ownerOf } from './idempotency.js'
import { KEY_HEADER } from './idempotency-key.js'

/** The bodies of requests with a key, as their clients have sent them. */
const bodies = new WeakMap<FastifyRequest, Buffer>()

/** Keeps the body of a request that has a key, for its fingerprint. */
export function keepBody(request: FastifyRequest, body: Buffer): void {
  if (request.headers[KEY_HEADER] !== undefined) bodies.set(request, body)
}

/** See `IdempotencyKeys.begin`. Keys of safe methods have no effect. */
export function beginIdempotent(
  keys: IdempotencyKeys,
  request: FastifyRequest,
  { route, identity, address }: Exchange,
): Promise<Idempotent | undefined> | undefined {
  const { method: httpMethod, headers, raw } = request
  const { guarded } = route
  const header = headers[KEY_HEADER]
  const key = Array.isArray(header) ? header.join(', ') : header
  const isSafe = httpMethod === 'GET' || httpMethod === 'HEAD'
  if (isSafe || (key === undefined && !keys.isRequired(guarded.service, guarded.method))) return undefined
  return keys.begin({
    ...guarded,
    owner: ownerOf(identity, address),
    httpMethod,
    url: raw.url as string,
    key,
    body: bodies.get(request) ?? Buffer.alloc(0),
  })
}
