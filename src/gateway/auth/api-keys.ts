import { createHmac, hash, randomBytes } from 'node:crypto'
import { checkIdentity } from '../../identity.js'
import { checkOptionNames, invalid, misuse } from '../../options.js'
import type { Identity } from '../../peer.js'
import { LOCAL_ROLE } from '../../service/auth/identity.js'
import { ServiceError } from '../../service-error.js'
import type { Authenticator, GatewayClient } from '../authenticator.js'
import { challengeOf } from './challenge.js'

/** A key, and who calls with it. It needs `key` or `sha256`. */
export interface ApiKey {
  /** 16 to 512 visible ASCII characters: random ones, at least 128 bits of them. Default: none. */
  key?: string | undefined
  /** The SHA-256 hash of the key, in 64 hexadecimal digits, so that the configuration has no secret. Default: none. */
  sha256?: string | undefined
  /** Cannot have the role `local`. */
  identity: Identity
}

/** The options of `apiKeys`. */
export interface ApiKeysOptions {
  /** The name of the header. Default `'x-api-key'`. */
  header?: string | undefined
  /** The name of the protected area, for people. Default `'shmwire'`. */
  realm?: string | undefined
}

const OPTION_NAMES: readonly string[] = ['header', 'realm'] satisfies (keyof ApiKeysOptions)[]
const KEY_NAMES: readonly string[] = ['key', 'sha256', 'identity'] satisfies (keyof ApiKey)[]
const KEYS_MAX = 10_000
const SECRET_BYTES = 32
const KEY = /^[\x21-\x7e]{16,512}$/
const SHA256 = /^[0-9a-f]{64}$/i
/** In lower case, as node:http reports it. */
const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/

/**
 * Finds the identity of a client from a secret key in a header. Refuses wrong keys with UNAUTHENTICATED and the reason `INVALID_KEY`.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function apiKeys(keys: readonly ApiKey[], options: ApiKeysOptions = {}): Authenticator {
  checkOptionNames(options, OPTION_NAMES)
  const { header = 'x-api-key', realm } = options
  if (typeof header !== 'string' || !HEADER.test(header))
    throw invalid('header', header, 'the name of a header in lower case')
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > KEYS_MAX)
    throw invalid('keys', keys, `an array of 1 to ${KEYS_MAX} keys`)
  return new KeyAuthenticator(keys, header, challengeOf('ApiKey', realm))
}

class KeyAuthenticator implements Authenticator {
  readonly securityScheme: Readonly<Record<string, unknown>>
  readonly challenge: string
  readonly #header: string
  readonly #secret = randomBytes(SECRET_BYTES)
  /** By the HMAC of the key's hash. */
  readonly #identities = new Map<string, Identity>()

  constructor(keys: readonly ApiKey[], header: string, challenge: string) {
    this.securityScheme = { type: 'apiKey', in: 'header', name: header }
    this.challenge = challenge
    this.#header = header
    for (const [index, key] of keys.entries()) {
      const place = this.#placeOf(digestOf(key, index))
      if (this.#identities.has(place)) throw misuse(`keys[${index}] is there already`)
      this.#identities.set(place, identityOf(key, index))
    }
  }

  authenticate({ headers }: GatewayClient): Identity | undefined {
    const given = headers[this.#header]
    if (given === undefined) return undefined
    // Of two headers, node:http makes one text with a space, which no key has.
    const found = typeof given === 'string' && KEY.test(given) ? this.#find(given) : undefined
    if (found === undefined)
      throw new ServiceError('UNAUTHENTICATED', `the key in the header ${this.#header} is not known`, {
        reason: 'INVALID_KEY',
      })
    return found
  }

  #find(key: string): Identity | undefined {
    return this.#identities.get(this.#placeOf(sha256(key)))
  }

  // The time of a lookup depends on this value. It says nothing about the keys, because clients cannot compute or choose it without the secret.
  #placeOf(digest: string): string {
    return createHmac('sha256', this.#secret).update(digest).digest('base64')
  }
}

// No message quotes a key.
function digestOf(entry: ApiKey, index: number): string {
  if (typeof entry !== 'object' || entry === null)
    throw invalid(`keys[${index}]`, entry, 'an object with identity, and with key or sha256')
  checkOptionNames(entry, KEY_NAMES)
  const { key, sha256: digest } = entry
  if ((key === undefined) === (digest === undefined))
    throw misuse(`keys[${index}] needs one of key and sha256`)
  if (digest !== undefined) {
    if (typeof digest === 'string' && SHA256.test(digest)) return digest.toLowerCase()
    throw misuse(`keys[${index}].sha256 does not have 64 hexadecimal digits`)
  }
  if (typeof key === 'string' && KEY.test(key)) return sha256(key)
  throw misuse(`keys[${index}].key is not a text of 16 to 512 visible ASCII characters without spaces`)
}

function identityOf({ identity }: ApiKey, index: number): Identity {
  const place = `keys[${index}].identity`
  const { subject, scopes = [], roles = [] } = checkIdentity(identity, place)
  if (roles.includes(LOCAL_ROLE))
    throw misuse(`${place} has the role ${LOCAL_ROLE}, which only processes of this machine can have`)
  return Object.freeze({ subject, scopes: Object.freeze([...scopes]), roles: Object.freeze([...roles]) })
}

function sha256(key: string): string {
  return hash('sha256', key, 'hex')
}
