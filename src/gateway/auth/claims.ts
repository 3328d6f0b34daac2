import { GRANT_CHARACTERS_MAX, GRANTS_MAX, SUBJECT_CHARACTERS_MAX } from '../../identity.js'
import type { Identity } from '../../peer.js'
import { LOCAL_ROLE } from '../../service/auth/identity.js'
import { parseObject } from './compact-jws.js'
import { refusedToken } from './refusals.js'

/** The values that the claims of a token must have. */
export interface ClaimsPolicy {
  readonly issuer: string
  /** The token is for at least one of them. */
  readonly audiences: readonly string[]
  /** Accepted difference of the clocks, in seconds. */
  readonly clockSkewS: number
  /** The names that lead to the roles. */
  readonly roles: readonly string[]
}

/** The result of a valid token. */
export interface VerifiedToken {
  /** Frozen, because the calls of one client share it. */
  readonly identity: Identity
  /** In milliseconds since 1970. */
  readonly expiresAtMs: number
}

type Claims = Readonly<Record<string, unknown>>

const SECOND_MS = 1000
/** The last time of a Date, in seconds. */
const SECONDS_MAX = 8.64e12

/** Checks the claims of a payload whose signature is verified. Throws UNAUTHENTICATED. */
export function readClaims(payload: Uint8Array, policy: ClaimsPolicy, nowMs: number): VerifiedToken {
  const claims = parseObject(payload)
  if (claims === undefined) throw refusedToken('has a payload that is not a JSON object')
  const { iss, sub } = claims
  if (iss !== policy.issuer) throw refusedToken('comes from another issuer (iss)')
  const audiences = listOf(claims['aud']) ?? []
  if (!audiences.some((audience) => policy.audiences.includes(audience)))
    throw refusedToken('is for another audience (aud)')
  const expiresAtMs = checkTimes(claims, policy.clockSkewS * SECOND_MS, nowMs)
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_CHARACTERS_MAX)
    throw refusedToken(`needs a subject (sub) of 1 to ${SUBJECT_CHARACTERS_MAX} characters`)
  const scopes = grants('scopes', scopesOf(claims))
  // Only the kernel can say that a caller is a process of this machine.
  const roles = grants('roles', listOf(at(claims, policy.roles) ?? [])).filter((role) => role !== LOCAL_ROLE)
  const identity = Object.freeze({
    subject: sub,
    scopes: Object.freeze(scopes),
    roles: Object.freeze(roles),
  })
  return { identity, expiresAtMs }
}

function checkTimes(claims: Claims, skewMs: number, nowMs: number): number {
  const expiresAtMs = timeOf(claims, 'exp')
  if (expiresAtMs === undefined) throw refusedToken('never expires; it needs the claim exp')
  if (nowMs >= expiresAtMs + skewMs) throw refusedToken('has expired', 'TOKEN_EXPIRED')
  const notBeforeMs = timeOf(claims, 'nbf')
  if (notBeforeMs !== undefined && nowMs < notBeforeMs - skewMs)
    throw refusedToken('is not yet valid', 'TOKEN_NOT_YET_VALID')
  timeOf(claims, 'iat')
  return expiresAtMs
}

/** In milliseconds since 1970. */
function timeOf(claims: Claims, name: 'exp' | 'iat' | 'nbf'): number | undefined {
  const seconds = claims[name]
  if (seconds === undefined) return undefined
  // JSON has no NaN, but 1e999 is infinite.
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= SECONDS_MAX) return seconds * SECOND_MS
  throw refusedToken(`has a malformed time (${name})`)
}

/** The claim `scope` (RFC 9068), or `scp` of other issuers. */
function scopesOf(claims: Claims): readonly string[] | undefined {
  const { scope, scp } = claims
  if (scope !== undefined) return typeof scope === 'string' ? words(scope) : undefined
  return typeof scp === 'string' ? words(scp) : listOf(scp ?? [])
}

function words(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '')
}

/** The claim at the end of the path. */
function at(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Claims)[name]
  }
  return value
}

/** A string stands for an array with it (RFC 7519, 4.1.3). */
function listOf(value: unknown): readonly string[] | undefined {
  const values: readonly unknown[] | undefined = Array.isArray(value) ? value : [value]
  return values.every((one) => typeof one === 'string') ? values : undefined
}

function grants(name: string, found: readonly string[] | undefined): string[] {
  const isGrant = (grant: string): boolean => grant !== '' && grant.length <= GRANT_CHARACTERS_MAX
  if (found !== undefined && found.length <= GRANTS_MAX && found.every(isGrant)) return [...found]
  throw refusedToken(
    `has malformed ${name}: at most ${GRANTS_MAX} of 1 to ${GRANT_CHARACTERS_MAX} characters are possible`,
  )
}
