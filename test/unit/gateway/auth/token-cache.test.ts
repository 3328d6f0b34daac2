import { beforeAll, describe, expect, it } from 'vitest'
import { checkAlgorithms } from '../../../../src/gateway/auth/algorithms.js'
import { KeySet } from '../../../../src/gateway/auth/key-set.js'
import { TokenCache } from '../../../../src/gateway/auth/token-cache.js'
import { issuerKey } from '../../../support/tokens.js'

let keys: KeySet
let others: KeySet

beforeAll(async () => {
  const { jwk } = await issuerKey()
  keys = KeySet.local({ keys: [jwk] }, checkAlgorithms())
  others = KeySet.local({ keys: [jwk] }, checkAlgorithms())
})

const verified = { identity: { subject: 'alice' }, expiresAtMs: 1_000 }

describe('TokenCache', () => {
  it('has a token until it expires', () => {
    const cache = new TokenCache(2)
    cache.set('t', keys, verified)
    expect(cache.get('t', keys, 999)).toBe(verified.identity)
    expect(cache.get('u', keys, 999)).toBeUndefined()
    expect(cache.get('t', keys, 1_000)).toBeUndefined()
    expect(cache.size).toBe(0)
  })

  it('loses the tokens of other keys', () => {
    const cache = new TokenCache(2)
    cache.set('t', keys, verified)
    expect(cache.get('t', others, 0)).toBeUndefined()
    expect(cache.get('t', keys, 0)).toBeUndefined()
  })

  it('loses its oldest token when it is full', () => {
    const cache = new TokenCache(2)
    for (const token of ['a', 'b', 'c']) cache.set(token, keys, verified)
    expect(['a', 'b', 'c'].filter((token) => cache.get(token, keys, 0) !== undefined)).toEqual(['b', 'c'])
    expect(cache.size).toBe(2)
  })
})
