import type { IncomingHttpHeaders } from 'node:http'
import { refusedToken } from './refusals.js'

const SCHEME = /^bearer(?: |$)/i
/** RFC 6750, 2.1. A comma would separate two of them. */
const CREDENTIALS = /^bearer +([\w.~+/-]+=*)$/i

/** The token of the header `authorization`; undefined without the header, or with another scheme. Throws UNAUTHENTICATED. */
export function bearerToken({ authorization }: IncomingHttpHeaders): string | undefined {
  if (authorization === undefined) return undefined
  // Servers other than node:http can pass an array.
  if (typeof authorization === 'string' && !SCHEME.test(authorization)) return undefined
  const token = typeof authorization === 'string' ? CREDENTIALS.exec(authorization)?.[1] : undefined
  if (token === undefined)
    throw refusedToken('is malformed: the header authorization must be one, with one token after Bearer')
  return token
}
