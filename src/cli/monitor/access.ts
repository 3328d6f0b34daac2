/**
 * Decides which requests the monitor answers. It listens on the loopback interface, which every program of the machine reaches, and every
 * page in a browser of the machine. A page of another host can make the browser send requests there, and can give the address a name of its
 * own (DNS rebinding), but it cannot choose the headers Host, Origin and Sec-Fetch-Site, and it does not know the token.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

const TOKEN_BYTES = 32
const SCHEME = 'Bearer '
/** A browser leaves it out of the headers Host and Origin. */
const DEFAULT_PORT = 80

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

export interface Refusal {
  readonly status: number
  readonly text: string
}

/** Why a request gets no answer, whatever it asks for. */
export function refusalOf(
  method: string | undefined,
  headers: IncomingHttpHeaders,
  port: number,
): Refusal | undefined {
  const { host, origin } = headers
  const suffix = port === DEFAULT_PORT ? '' : `:${port}`
  const hosts = [`127.0.0.1${suffix}`, `localhost${suffix}`]
  if (host === undefined || !hosts.includes(host.toLowerCase()))
    return { status: 421, text: `the host is not one of ${hosts.join(' and ')}` }
  if (origin !== undefined && origin !== `http://${host.toLowerCase()}`)
    return { status: 403, text: 'the request comes from a page of another origin' }
  const site = headers['sec-fetch-site']
  // `none`: the user has opened the address.
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return { status: 403, text: 'the request comes from a page of another site' }
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, text: 'the monitor only reads: the methods are GET and HEAD' }
  return undefined
}

/** Compares the token of `Authorization: Bearer` in a time that does not depend on its content. */
export function hasToken({ authorization }: IncomingHttpHeaders, token: string): boolean {
  if (authorization?.startsWith(SCHEME) !== true) return false
  return timingSafeEqual(digest(authorization.slice(SCHEME.length)), digest(token))
}

/** Digests have the same length, which the comparison needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
