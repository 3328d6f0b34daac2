import { invalid, misuse, show } from '../../options.js'

/** The name of an algorithm of signatures. HS256, HS384 and HS512 are symmetric: a key that verifies can also sign. */
export type JwtAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'

/** An algorithm of signatures (RFC 7518, RFC 8037, RFC 9864), and the keys that it takes. */
export interface SignatureAlgorithm {
  /** The member `kty` of its keys. */
  readonly keyType: 'EC' | 'OKP' | 'RSA' | 'oct'
  /** The member `crv` of its keys. */
  readonly curve?: string
  /** The shortest key, for HMAC: as long as the hash (RFC 7518, 3.2). */
  readonly keyBytesMin?: number
}

const ASYMMETRIC: Readonly<Record<string, SignatureAlgorithm>> = {
  ES256: { keyType: 'EC', curve: 'P-256' },
  ES384: { keyType: 'EC', curve: 'P-384' },
  ES512: { keyType: 'EC', curve: 'P-521' },
  EdDSA: { keyType: 'OKP', curve: 'Ed25519' },
  Ed25519: { keyType: 'OKP', curve: 'Ed25519' },
  PS256: { keyType: 'RSA' },
  PS384: { keyType: 'RSA' },
  PS512: { keyType: 'RSA' },
  RS256: { keyType: 'RSA' },
  RS384: { keyType: 'RSA' },
  RS512: { keyType: 'RSA' },
} satisfies Partial<Record<JwtAlgorithm, SignatureAlgorithm>>

const SYMMETRIC: Readonly<Record<string, SignatureAlgorithm>> = {
  HS256: { keyType: 'oct', keyBytesMin: 32 },
  HS384: { keyType: 'oct', keyBytesMin: 48 },
  HS512: { keyType: 'oct', keyBytesMin: 64 },
} satisfies Partial<Record<JwtAlgorithm, SignatureAlgorithm>>

const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  Object.entries({ ...ASYMMETRIC, ...SYMMETRIC }),
)

/** The names that an option accepts, with what their keys must be. */
export type Algorithms = ReadonlyMap<string, SignatureAlgorithm>

/**
 * Checks the option. With symmetric and asymmetric algorithms at once, a public key could be taken for a secret (RFC 8725, 2.1), so they
 * exclude each other. Throws `INVALID_ARGUMENT`.
 */
export function checkAlgorithms(given: unknown = Object.keys(ASYMMETRIC)): Algorithms {
  const expected = `an array with some of ${[...ALGORITHMS.keys()].join(', ')}`
  if (!Array.isArray(given) || given.length === 0) throw invalid('algorithms', given, expected)
  const algorithms = new Map<string, SignatureAlgorithm>()
  for (const name of given as readonly unknown[]) {
    const algorithm = typeof name === 'string' ? ALGORITHMS.get(name) : undefined
    if (algorithm === undefined) throw misuse(`algorithms has ${show(name)}; it must be ${expected}`)
    algorithms.set(name as string, algorithm)
  }
  const symmetric = [...algorithms.values()].filter(({ keyType }) => keyType === 'oct').length
  if (symmetric > 0 && symmetric < algorithms.size)
    throw misuse(
      'algorithms has symmetric and asymmetric ones; use one jwtAuth for each, so that no public key can serve as a secret',
    )
  return algorithms
}

/** Whether the keys are secrets. */
export function areSymmetric(algorithms: Algorithms): boolean {
  return [...algorithms.values()].every(({ keyType }) => keyType === 'oct')
}
