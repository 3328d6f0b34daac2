import { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The headers of every reply: no reply is a page, and no other page may show it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

/** Two years, over TLS only. */
const STRICT_TRANSPORT_SECURITY = 'max-age=63072000'

/** Sets the headers of every reply. */
export function setSecurityHeaders({ raw }: FastifyRequest, reply: FastifyReply): void {
  for (const name in SECURITY_HEADERS) reply.header(name, SECURITY_HEADERS[name])
  if (raw.socket instanceof TLSSocket) reply.header('strict-transport-security', STRICT_TRANSPORT_SECURITY)
}
