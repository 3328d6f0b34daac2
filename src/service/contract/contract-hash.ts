import { createHash } from 'node:crypto'
import { canonicalJson } from '../../schema/canonical-json.js'

const HASH_DIGITS = 16

/** 16 hexadecimal digits of the SHA-256 of a JSON value in canonical form. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, HASH_DIGITS)
}
