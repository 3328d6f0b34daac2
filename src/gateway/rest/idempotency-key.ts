import { HttpError } from './http-error.js'

export const KEY_HEADER = 'idempotency-key'

const KEY_CHARACTERS_MAX = 255
/** A string of RFC 9651: printable ASCII in double quotes, with a backslash before a double quote or a backslash. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/
/** Many clients send a UUID or another token without the quotes. */
const BARE = /^[\w.:~+/=-]+$/

/**
 * The key of a request: the header `idempotency-key` (draft-ietf-httpapi-idempotency-key-header-07) is a string in double quotes. A token
 * without the quotes is the same key. Parameters are refused, and so are two keys. Throws a 400 with the reason `IDEMPOTENCY_KEY_MALFORMED`.
 */
export function parseIdempotencyKey(header: string): string {
  const text = header.trim()
  const key = BARE.test(text) ? text : QUOTED.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1')
  if (key === undefined || key.length > KEY_CHARACTERS_MAX)
    throw new HttpError(
      400,
      'INVALID_ARGUMENT',
      `the header idempotency-key must be one string in double quotes, of 1 to ${KEY_CHARACTERS_MAX} characters, for example a UUID`,
      { reason: 'IDEMPOTENCY_KEY_MALFORMED' },
    )
  return key
}
