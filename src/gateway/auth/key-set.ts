import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { invalid, misuse } from '../../options.js'
import type { Algorithms, SignatureAlgorithm } from './algorithms.js'
import { weaknessOf } from './weak-key.js'

/** A JSON Web Key Set (RFC 7517, 5). */
export interface JsonWebKeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
}

/** A key that can verify signatures. */
interface VerificationKey {
  readonly id: string | undefined
  /** The names of the algorithms for which the key may be used. */
  readonly algorithms: ReadonlySet<string>
  readonly key: KeyObject
}

/** The members of a JWK that would make it a private key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv']
const KEYS_MAX = 128

/** Several keys of the set match the token, and its header does not say which one is meant. */
export const AMBIGUOUS = Symbol('ambiguous')

/** The keys of an issuer that can verify tokens. */
export class KeySet {
  readonly #keys: readonly VerificationKey[]

  private constructor(keys: readonly VerificationKey[]) {
    this.#keys = keys
  }

  /** The keys that the program passes. Throws `INVALID_ARGUMENT` if one of them cannot be used. */
  static local(set: unknown, algorithms: Algorithms): KeySet {
    const jwks = membersOf(set)
    if (jwks === undefined || jwks.length === 0)
      throw invalid('keys', set, `a JSON Web Key Set with 1 to ${KEYS_MAX} keys, { keys: […] }`)
    const kinds = new Set(jwks.map(({ kty }) => kty === 'oct'))
    if (kinds.size > 1) throw misuse('keys has secrets and public keys; use one jwtAuth for each')
    const ids = jwks.map(({ kid }) => kid).filter((kid) => kid !== undefined)
    if (new Set(ids).size < ids.length) throw misuse('keys has two keys with the same kid')
    const found = jwks.map((jwk, index) => {
      const key = verificationKey(jwk, algorithms)
      // No message quotes a key.
      if (typeof key === 'string') throw misuse(`keys.keys[${index}] ${key}`)
      return key
    })
    return new KeySet(found)
  }

  /** The keys that an issuer publishes, without those that are for something else or must not be used. Undefined: it is not a key set. */
  static remote(set: unknown, algorithms: Algorithms): KeySet | undefined {
    const jwks = membersOf(set)
    const keys = jwks?.map((jwk) => verificationKey(jwk, algorithms)).filter((key) => typeof key !== 'string')
    return keys === undefined ? undefined : new KeySet(keys)
  }

  /** The key for a token whose header has this algorithm and `kid`. A token without `kid` needs a set in which one key matches. */
  find(algorithm: string, id: string | undefined): KeyObject | typeof AMBIGUOUS | undefined {
    const matches = this.#keys.filter(
      (key) => key.algorithms.has(algorithm) && (id === undefined || key.id === id),
    )
    return matches.length > 1 ? AMBIGUOUS : matches[0]?.key
  }
}

function membersOf(set: unknown): readonly Readonly<Record<string, unknown>>[] | undefined {
  const keys = (set as Partial<JsonWebKeySet> | null | undefined)?.keys
  const isSet =
    Array.isArray(keys) &&
    keys.length <= KEYS_MAX &&
    keys.every((key) => typeof key === 'object' && key !== null && !Array.isArray(key))
  return isSet ? keys : undefined
}

/** The key, or the reason why it cannot be used. */
function verificationKey(
  jwk: Readonly<Record<string, unknown>>,
  accepted: Algorithms,
): VerificationKey | string {
  const { kid, use, key_ops: operations, alg } = jwk
  if (kid !== undefined && typeof kid !== 'string') return 'has a kid that is not a string'
  if (use !== undefined && use !== 'sig') return "is not for signatures: its use is not 'sig'"
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return "is not for signatures: its key_ops lacks 'verify'"
  const algorithms = [...accepted]
    .filter(([name, algorithm]) => (alg === undefined || alg === name) && suits(jwk, algorithm))
    .map(([name]) => name)
  if (algorithms.length === 0)
    return `suits none of the algorithms ${[...accepted.keys()].join(', ')}: check its kty, crv and alg, and the length of a secret`
  const key = importKey(jwk)
  return typeof key === 'string' ? key : { id: kid, algorithms: new Set(algorithms), key }
}

function suits(jwk: Readonly<Record<string, unknown>>, algorithm: SignatureAlgorithm): boolean {
  const { keyType, curve, keyBytesMin = 0 } = algorithm
  if (jwk['kty'] !== keyType || (curve !== undefined && jwk['crv'] !== curve)) return false
  return keyType !== 'oct' || secretOf(jwk).length >= keyBytesMin
}

function secretOf({ k }: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(typeof k === 'string' ? k : '', 'base64url')
}

function importKey(jwk: Readonly<Record<string, unknown>>): KeyObject | string {
  if (jwk['kty'] === 'oct') return createSecretKey(secretOf(jwk))
  if (PRIVATE_MEMBERS.some((member) => jwk[member] !== undefined))
    return 'is a private key; pass the public one only'
  let key: KeyObject
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch {
    // Its error says no more than this, and can quote the key.
    return 'is not a valid public key'
  }
  if (jwk['kty'] !== 'RSA') return key
  const modulus = BigInt(`0x${Buffer.from(jwk['n'] as string, 'base64url').toString('hex')}`)
  return weaknessOf(key, modulus) ?? key
}
