import type { Logger } from '../../log/logger.js'
import { checkOptionNames, integer, invalid, loggerOption, misuse, TIMEOUT_MS_MAX } from '../../options.js'
import { type Algorithms, areSymmetric, checkAlgorithms, type JwtAlgorithm } from './algorithms.js'
import { challengeOf } from './challenge.js'
import type { ClaimsPolicy } from './claims.js'
import { type HeaderPolicy, typeOf } from './compact-jws.js'
import { checkFetch, checkUrl, type Fetch } from './fetch-json.js'
import { type JsonWebKeySet, KeySet } from './key-set.js'
import type { RemoteKeysSettings } from './remote-keys.js'

/** The options of `jwtAuth`. It needs `jwksUri` or `keys`. */
export interface JwtAuthOptions {
  /** The claim `iss` of the tokens, exactly. */
  issuer: string
  /** The name of this gateway in the claim `aud` of the tokens, or several: one of them suffices. */
  audience: string | readonly string[]
  /** Where the issuer publishes its keys, with https. Default: none. */
  jwksUri?: string | URL | undefined
  /** The keys themselves: public ones, or secrets for the algorithms HS256, HS384 and HS512. Default: none. */
  keys?: JsonWebKeySet | undefined
  /**
   * The algorithms of the signatures. Symmetric ones (HS256, HS384, HS512) need `keys`, and exclude the others. Default: ES256, ES384, ES512,
   * EdDSA, Ed25519, PS256, PS384, PS512, RS256, RS384 and RS512.
   */
  algorithms?: readonly JwtAlgorithm[] | undefined
  /** The accepted difference of the clocks for `exp` and `nbf`, in seconds. 0 to 300. Default 5. */
  clockSkewS?: number | undefined
  /** The type that tokens must state in their header, for example `'at+jwt'` (RFC 9068). Default: any. */
  typ?: string | undefined
  /** The name of the claim with the roles; an array for a claim within others: `['realm_access', 'roles']`. Default `'roles'`. */
  roles?: string | readonly string[] | undefined
  /** The name of the protected area, for people. Default `'shmwire'`. */
  realm?: string | undefined
  /** The most valid tokens that are kept, so that their next calls need no verification. 0 to 100,000. Default 1,000. */
  cachedTokens?: number | undefined
  /** The longest time of a request to `jwksUri`, in milliseconds. 100 to 60,000. Default 5,000. */
  jwksTimeoutMs?: number | undefined
  /** The least time between two requests for tokens with unknown keys, in milliseconds, from 1,000. Default 30,000. */
  jwksCooldownMs?: number | undefined
  /**
   * Keys that are older are fetched again, in milliseconds, from 1,000. If the issuer does not answer, they serve up to six times as long.
   * Default 600,000.
   */
  jwksCacheMs?: number | undefined
  /** Accepts a `jwksUri` without TLS beyond this machine, where every host on the way can replace the keys. Default false. */
  insecure?: boolean | undefined
  /** Makes the requests to `jwksUri`, for example through a proxy. Default: the global `fetch`. */
  fetch?: Fetch | undefined
  /** Receives one line if the keys cannot be fetched again. Default: none. */
  logger?: Logger | undefined
}

/** The checked options. */
export interface JwtSettings {
  readonly header: HeaderPolicy
  readonly claims: ClaimsPolicy
  readonly keys: KeySet | RemoteKeysSettings
  readonly challenge: string
  readonly cachedTokens: number
}

const OPTION_NAMES: readonly string[] = [
  'issuer',
  'audience',
  'jwksUri',
  'keys',
  'algorithms',
  'clockSkewS',
  'typ',
  'roles',
  'realm',
  'cachedTokens',
  'jwksTimeoutMs',
  'jwksCooldownMs',
  'jwksCacheMs',
  'insecure',
  'fetch',
  'logger',
] satisfies (keyof JwtAuthOptions)[]

const SKEW_S = 5
const SKEW_S_MAX = 300
const CACHED_TOKENS = 1_000
const CACHED_TOKENS_MAX = 100_000
const TIMEOUT_MS = 5_000
const TIMEOUT_MS_MIN = 100
const ANSWER_MS_MAX = 60_000
const COOLDOWN_MS = 30_000
const CACHE_MS = 600_000
const INTERVAL_MS_MIN = 1_000

/** Checks the options and adds the defaults. Throws `INVALID_ARGUMENT`. */
export function resolveJwtOptions(options: JwtAuthOptions): JwtSettings {
  checkOptionNames(options, OPTION_NAMES)
  const { issuer, audience, roles = 'roles', typ } = options
  const algorithms = checkAlgorithms(options.algorithms)
  if (typ !== undefined && (typeof typ !== 'string' || typ === ''))
    throw invalid('typ', typ, "a type, for example 'at+jwt'")
  return {
    header: { algorithms, type: typeOf(typ) },
    claims: {
      issuer: name('issuer', issuer),
      audiences: names('audience', audience),
      clockSkewS: integer('clockSkewS', options.clockSkewS ?? SKEW_S, 0, SKEW_S_MAX),
      roles: names('roles', roles),
    },
    keys: keysOption(options, algorithms),
    challenge: challengeOf('Bearer', options.realm),
    cachedTokens: integer('cachedTokens', options.cachedTokens ?? CACHED_TOKENS, 0, CACHED_TOKENS_MAX),
  }
}

function keysOption(options: JwtAuthOptions, algorithms: Algorithms): JwtSettings['keys'] {
  const { jwksUri, keys, insecure, jwksTimeoutMs, jwksCooldownMs, jwksCacheMs } = options
  if ((jwksUri === undefined) === (keys === undefined))
    throw misuse('jwtAuth needs one of the options jwksUri and keys')
  const remote = {
    algorithms,
    fetch: checkFetch(options.fetch),
    timeoutMs: integer('jwksTimeoutMs', jwksTimeoutMs ?? TIMEOUT_MS, TIMEOUT_MS_MIN, ANSWER_MS_MAX),
    cooldownMs: integer('jwksCooldownMs', jwksCooldownMs ?? COOLDOWN_MS, INTERVAL_MS_MIN, TIMEOUT_MS_MAX),
    cacheMs: integer('jwksCacheMs', jwksCacheMs ?? CACHE_MS, INTERVAL_MS_MIN, TIMEOUT_MS_MAX),
    logger: loggerOption(options.logger),
  }
  if (jwksUri === undefined) return KeySet.local(keys, algorithms)
  if (areSymmetric(algorithms))
    throw misuse('symmetric algorithms need the option keys, because an issuer must not publish a secret')
  return { ...remote, url: checkUrl('jwksUri', jwksUri, insecure) }
}

function names(option: string, given: unknown): readonly string[] {
  if (!Array.isArray(given)) return [name(option, given)]
  if (given.length === 0) throw invalid(option, given, 'a text that is not empty, or an array of such texts')
  return given.map((one) => name(option, one))
}

function name(option: string, given: unknown): string {
  if (typeof given === 'string' && given !== '') return given
  throw invalid(option, given, 'a text that is not empty')
}
