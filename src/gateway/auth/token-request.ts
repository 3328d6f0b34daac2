import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import { type Fetch, fetchJson, type JsonAnswer } from './fetch-json.js'

/** A request for a token by the client credentials grant (RFC 6749, 4.4). */
export interface TokenRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: string
  readonly timeoutMs: number
  readonly fetch: Fetch
}

/** An access token, with times of the monotonic clock. */
export interface AccessToken {
  readonly text: string
  /** From then on, a new one is requested. */
  readonly renewMs: number
  readonly expiresMs: number
}

const SECOND_MS = 1000
const OK = 200
const BAD_REQUEST = 400
const UNAUTHORIZED = 401
/** Of a token whose server states no lifetime. */
const LIFETIME_S = 300
const LIFETIME_S_MAX = 86_400
/** A token is renewed after this part of its lifetime, and at the latest so long before its end. */
const RENEW_AFTER = 0.8
const RENEW_BEFORE_MS = 60_000
/** A header has no spaces around its value, and no control characters. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/
/** The codes of RFC 6749, 5.2 and of extensions. */
const OAUTH_ERROR = /^[a-z_]{1,64}$/

/** Rejects with DENIED (UNAUTHENTICATED) if the server refuses the client, and with UNAVAILABLE. No error quotes a secret. */
export async function requestToken(request: TokenRequest): Promise<AccessToken> {
  const { url, headers, form, timeoutMs, fetch } = request
  // The server counts the lifetime from its answer; this is earlier.
  const sentMs = nowMs()
  let answer: JsonAnswer
  try {
    answer = await fetchJson(fetch, url, { method: 'POST', headers, body: form }, timeoutMs)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.UNAVAILABLE, 'the token server did not answer', { cause })
  }
  return readAnswer(answer, sentMs)
}

function readAnswer({ status, body = {} }: JsonAnswer, sentMs: number): AccessToken {
  const { access_token: token, token_type: type, expires_in: lifetime, error } = body
  if (status === BAD_REQUEST || status === UNAUTHORIZED) {
    const code = typeof error === 'string' && OAUTH_ERROR.test(error) ? error : `status ${status}`
    throw new ShmwireError(ErrorCode.DENIED, `the token server refused the client: ${code}`, {
      status: 'UNAUTHENTICATED',
    })
  }
  if (status !== OK) throw unusable(`has the status ${status}`)
  if (typeof token !== 'string' || !TOKEN.test(token)) throw unusable('has no valid access_token')
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    throw unusable("has another token_type than 'Bearer'")
  const lifetimeMs = lifetimeOf(lifetime) * SECOND_MS
  const expiresMs = sentMs + lifetimeMs
  return {
    text: token,
    renewMs: Math.max(sentMs + lifetimeMs * RENEW_AFTER, expiresMs - RENEW_BEFORE_MS),
    expiresMs,
  }
}

/** In seconds. Some servers write the number as a text. */
function lifetimeOf(stated: unknown): number {
  if (stated === undefined) return LIFETIME_S
  const seconds = typeof stated === 'string' && /^\d{1,15}$/.test(stated) ? Number(stated) : stated
  if (typeof seconds !== 'number' || !(seconds > 0)) throw unusable('has an expires_in that is not a time')
  return Math.min(seconds, LIFETIME_S_MAX)
}

function unusable(fault: string): ShmwireError {
  return new ShmwireError(ErrorCode.UNAVAILABLE, `the answer of the token server ${fault}`)
}
