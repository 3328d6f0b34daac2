import type { KeyObject } from 'node:crypto'

const MODULUS_BITS_MIN = 2048
/** The time of a verification grows with the square of it. */
const MODULUS_BITS_MAX = 8192

/**
 * Why an RSA key must not be used; undefined: no reason is known.
 *
 * Source of the last check: Nemec and others, "The Return of Coppersmith's Attack" (CVE-2017-15361, ROCA). The faulty generator makes
 * primes of the form k·M + (65537^a mod M), where M is a product of the first primes. So the modulus is a power of 65537 modulo each of them.
 */
export function weaknessOf(key: KeyObject, modulus: bigint): string | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < MODULUS_BITS_MIN || modulusLength > MODULUS_BITS_MAX)
    return `has a modulus of ${modulusLength} bits; it must have ${MODULUS_BITS_MIN} to ${MODULUS_BITS_MAX}`
  if (publicExponent < 3n || publicExponent % 2n === 0n)
    return 'has a public exponent that is even or below 3'
  if (FINGERPRINTS.every(({ prime, powers }) => powers.has(modulus % prime)))
    return 'comes from a generator whose keys can be factored (ROCA, CVE-2017-15361); replace it'
  return undefined
}

/** The generator uses at least the first 39 odd primes. A good key is a power modulo all of them with a probability of about 2^-27. */
const FINGERPRINT_PRIMES = 39
const GENERATOR = 65537n

interface Fingerprint {
  readonly prime: bigint
  readonly powers: ReadonlySet<bigint>
}

const FINGERPRINTS: readonly Fingerprint[] = oddPrimes(FINGERPRINT_PRIMES).map((prime) => ({
  prime,
  powers: powersModulo(prime),
}))

function oddPrimes(count: number): readonly bigint[] {
  const primes: bigint[] = []
  for (let number = 3n; primes.length < count; number += 2n)
    if (primes.every((prime) => number % prime !== 0n)) primes.push(number)
  return primes
}

function powersModulo(prime: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>()
  for (let power = 1n; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power)
  return powers
}
