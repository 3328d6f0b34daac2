import { hash } from 'node:crypto'
import type { Identity } from '../../peer.js'
import type { VerifiedToken } from './claims.js'
import type { KeySet } from './key-set.js'

interface Entry extends VerifiedToken {
  /** The keys with which the token was verified. */
  readonly keys: KeySet
}

/**
 * Tokens whose signature and claims are verified (docs/decisions/0049). An entry serves until its token expires, or the issuer's keys are
 * fetched again. Only valid tokens get in; of too many, the oldest entry goes. It has hashes instead of tokens.
 */
export class TokenCache {
  readonly #entriesMax: number
  readonly #entries = new Map<string, Entry>()

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(token: string, keys: KeySet | undefined, nowMs: number): Identity | undefined {
    if (this.#entries.size === 0) return undefined
    const place = keyOf(token)
    const entry = this.#entries.get(place)
    if (entry === undefined) return undefined
    if (entry.keys === keys && nowMs < entry.expiresAtMs) return entry.identity
    this.#entries.delete(place)
    return undefined
  }

  set(token: string, keys: KeySet, verified: VerifiedToken): void {
    if (this.#entriesMax === 0) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined && this.#entries.size >= this.#entriesMax) this.#entries.delete(oldest)
    this.#entries.set(keyOf(token), { ...verified, keys })
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64')
}
