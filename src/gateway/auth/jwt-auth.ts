import { timeOfDayMs } from '../../host.js'
import type { Identity } from '../../peer.js'
import type { Authenticator, GatewayClient } from '../authenticator.js'
import { bearerToken } from './bearer.js'
import { readClaims } from './claims.js'
import { type KeySource, verifyCompact } from './compact-jws.js'
import { type JwtAuthOptions, type JwtSettings, resolveJwtOptions } from './jwt-options.js'
import { KeySet } from './key-set.js'
import { RemoteKeys } from './remote-keys.js'
import { TokenCache } from './token-cache.js'

/**
 * Finds the identity of a client from an access token of OAuth 2.0: a JSON Web Token in the header `authorization: Bearer …`.
 *
 * The claim `sub` is the subject, `scope` or `scp` has the scopes, and `roles` the roles. The role `local` is dropped.
 *
 * Refuses tokens with UNAUTHENTICATED and the reason `INVALID_TOKEN`, `TOKEN_EXPIRED` or `TOKEN_NOT_YET_VALID`. Fails with UNAVAILABLE and the
 * reason `KEYS_UNAVAILABLE` if the keys of the issuer cannot be fetched.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function jwtAuth(options: JwtAuthOptions): Authenticator {
  return new JwtAuthenticator(resolveJwtOptions(options))
}

class JwtAuthenticator implements Authenticator {
  readonly securityScheme = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
  readonly challenge: string
  readonly #settings: JwtSettings
  readonly #source: KeySource & { current(): KeySet | undefined }
  readonly #cache: TokenCache

  constructor(settings: JwtSettings) {
    const { keys, challenge, cachedTokens } = settings
    this.challenge = challenge
    this.#settings = settings
    this.#source = keys instanceof KeySet ? localSource(keys) : new RemoteKeys(keys)
    this.#cache = new TokenCache(cachedTokens)
  }

  authenticate({ headers }: GatewayClient): Identity | undefined | Promise<Identity | undefined> {
    const token = bearerToken(headers)
    if (token === undefined) return undefined
    return this.#cache.get(token, this.#source.current(), timeOfDayMs()) ?? this.#verify(token)
  }

  async #verify(token: string): Promise<Identity> {
    const { header, claims } = this.#settings
    const keys = this.#source.current()
    const payload = await verifyCompact(token, header, this.#source)
    const verified = readClaims(payload, claims, timeOfDayMs())
    // With other keys meanwhile, it is not known which ones have verified the token.
    if (keys !== undefined && keys === this.#source.current()) this.#cache.set(token, keys, verified)
    return verified.identity
  }
}

function localSource(keys: KeySet): KeySource & { current(): KeySet } {
  return { current: () => keys, find: ({ algorithm, keyId }) => keys.find(algorithm, keyId) }
}
