import { hash } from 'node:crypto'
import { HttpError } from './http-error.js'

/** Of base64url, 132 bits: two bodies with the same tag would need 2^66 attempts. */
const TAG_CHARACTERS = 22
/** One member of a list of entity tags (RFC 9110, 8.8.3); lists can have empty members. */
const MEMBER = /[ \t,]*(?:(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)|$)/y

/**
 * The strong entity tag of a body, for the header `etag`. A compressed body has another tag than the body itself, because it has other bytes;
 * `coding` makes it from the same body, so a request can be compared before anything is compressed.
 */
export function entityTagOf(body: string | Uint8Array, coding: string): string {
  const digest = hash('sha256', body, 'base64url').slice(0, TAG_CHARACTERS)
  return coding === 'identity' ? `"${digest}"` : `"${digest}-${coding}"`
}

/**
 * Whether the client has the representation with this tag already (`if-none-match`), so that a request with a safe method gets a 304
 * instead of a body. The comparison is weak (RFC 9110, 13.1.2). A malformed header matches nothing.
 */
export function isCurrent(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  const opaque = tag.slice(1, -1)
  let found = false
  for (let at = 0; at < ifNoneMatch.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at
    const member = MEMBER.exec(ifNoneMatch)
    if (member === null) return false
    found ||= member[1] === opaque
  }
  return found
}

/**
 * Throws a 501 with the reason `PRECONDITION_UNSUPPORTED` for `if-match`, and for `if-none-match` of an unsafe method. The gateway
 * cannot compare and change a resource in one step. A client that got no error would believe that it has not overwritten another change.
 */
export function checkPreconditions(
  method: string,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): void {
  const isSafe = method === 'GET' || method === 'HEAD'
  const name = headers['if-match'] !== undefined ? 'if-match' : 'if-none-match'
  if (headers[name] === undefined || (isSafe && name === 'if-none-match')) return
  throw new HttpError(
    501,
    'UNIMPLEMENTED',
    `the server cannot check the condition ${name} of ${method}; send the expected version in the message, if the method has a field for it`,
    { reason: 'PRECONDITION_UNSUPPORTED' },
  )
}
