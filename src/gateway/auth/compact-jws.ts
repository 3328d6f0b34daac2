import type { KeyObject } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import type { Algorithms } from './algorithms.js'
import { AMBIGUOUS, type KeySet } from './key-set.js'
import { refusedToken } from './refusals.js'

/** Longer tokens are refused before anything reads them. Gateways take 16 KiB of headers by default. */
export const TOKEN_CHARACTERS_MAX = 8 * 1024
const KEY_ID_CHARACTERS_MAX = 1024
/** Header, payload and signature in the compact serialization of RFC 7515. A payload can be empty there. */
const COMPACT = /^[\w-]+\.[\w-]*\.[\w-]+$/

/** The members of an accepted header. */
export interface TokenHeader {
  readonly algorithm: string
  readonly keyId: string | undefined
}

/** The keys that can have signed a token. */
export interface KeySource {
  /** Rejects with UNAVAILABLE if the keys cannot be fetched. */
  find(header: TokenHeader): ReturnType<KeySet['find']> | Promise<ReturnType<KeySet['find']>>
}

/** The accepted headers. */
export interface HeaderPolicy {
  readonly algorithms: Algorithms
  /** The required type, without `application/` and in lower case. Undefined: any. */
  readonly type: string | undefined
}

/**
 * Verifies the signature of a token, with the keys of `source` only: the members `jku`, `jwk`, `x5u` and `x5c` of its header are ignored
 * (RFC 8725, 3.10). Resolves to the payload. Rejects with UNAUTHENTICATED, or UNAVAILABLE without keys.
 */
export async function verifyCompact(
  token: string,
  policy: HeaderPolicy,
  source: KeySource,
): Promise<Uint8Array> {
  const header = readHeader(token, policy)
  const key = await source.find(header)
  if (key === undefined) throw refusedToken('has no known key')
  if (key === AMBIGUOUS) throw refusedToken('matches several keys; its header needs the kid of one')
  return verifySignature(token, key, header.algorithm)
}

async function verifySignature(token: string, key: KeyObject, algorithm: string): Promise<Uint8Array> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] })
    return payload
  } catch (error) {
    // Anything else is a fault of this program.
    if (!(error instanceof errors.JOSEError)) throw error
    throw refusedToken('has a wrong signature')
  }
}

function readHeader(token: string, { algorithms, type }: HeaderPolicy): TokenHeader {
  if (token.length > TOKEN_CHARACTERS_MAX)
    throw refusedToken(`has ${token.length} characters, more than ${TOKEN_CHARACTERS_MAX}`)
  const parts = token.split('.')
  // A part that decodes to the same bytes as another text would make two tokens of one.
  if (!COMPACT.test(token) || !parts.every(isCanonical))
    throw refusedToken('is not a signed JSON Web Token in compact form')
  const header = parseObject(Buffer.from(parts[0] as string, 'base64url'))
  if (header === undefined) throw refusedToken('has a malformed header')
  const { alg, kid, typ, crit } = header
  if (typeof alg !== 'string' || !algorithms.has(alg))
    throw refusedToken('is signed with an algorithm that is not accepted')
  if (crit !== undefined) throw refusedToken('needs extensions that are not known (crit)')
  if (type !== undefined && typeOf(typ) !== type) throw refusedToken('has another type (typ)')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KEY_ID_CHARACTERS_MAX))
    throw refusedToken('has a malformed key id (kid)')
  return { algorithm: alg, keyId: kid }
}

function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part
}

/** Media types are compared without case and without `application/` (RFC 7515, 4.1.9). */
export function typeOf(typ: unknown): string | undefined {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The JSON object in the bytes; undefined for anything else. */
export function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined
}
