import { describe, expect, it } from 'vitest'
import { encodeKey, isKey, KEY_BYTES_MAX, KeyFilter } from '../../../../src/messaging/topic/key.js'
import { growth } from '../../../support/growth.js'
import { IS_WINDOWS } from '../../../support/not-on-windows.js'

const longest = 'k'.repeat(KEY_BYTES_MAX)

describe('keys', () => {
  it.each(['a', 'user.created', 'größe.日本', 'a-b_c.1.2', '$x', longest])('accepts %s', (key) => {
    const bytes = encodeKey(key)
    expect(bytes.toString()).toBe(key)
    expect(isKey(bytes)).toBe(true)
  })

  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a\tb',
    'a\u0000',
    'a*',
    '*',
    'a.>',
    '>',
    `${longest}k`,
    'ä'.repeat(128),
    'a\ud800',
  ])('refuses %j', (key) => {
    expect(() => encodeKey(key)).toThrow('key is')
    expect(isKey(Buffer.from(key))).toBe(false)
  })

  it('refuses values that are not strings', () => {
    for (const key of [1, null, {}, ['a']]) expect(() => encodeKey(key as never)).toThrow('key is')
    expect(encodeKey(undefined)).toHaveLength(0)
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(isKey(Buffer.of(0x61, 0xff))).toBe(false)
    expect(isKey(Buffer.of(0xc3))).toBe(false)
  })

  // Windows counts CPU time in steps of 15.6 ms.
  it.skipIf(IS_WINDOWS)('checks keys in linear time', async () => {
    const prepare = (size: number) => {
      const keys = Array.from({ length: size }, () => `${'a.'.repeat(120)} `)
      return () => {
        for (const key of keys) isKey(Buffer.from(key))
      }
    }
    expect(await growth(prepare, 500, 4, 8)).toBeLessThan(12)
  })
})

describe('patterns', () => {
  const matches = (patterns: string | string[], key: string): boolean | undefined =>
    new KeyFilter(patterns).read(Buffer.from(key))?.matches

  it.each([
    ['user.created', 'user.created', true],
    ['user.created', 'user.deleted', false],
    ['user.created', 'user', false],
    ['user.*', 'user.created', true],
    ['user.*', 'user', false],
    ['user.*', 'user.a.b', false],
    ['*.created', 'user.created', true],
    ['*.*', 'a.b', true],
    ['*', 'a', true],
    ['*', 'a.b', false],
    ['user.>', 'user.a', true],
    ['user.>', 'user.a.b.c', true],
    ['user.>', 'user', false],
    ['>', 'a', true],
    ['>', 'a.b', true],
    ['*.>', 'a', false],
    ['*.b.>', 'a.b.c', true],
  ])('compares %s with %s: %s', (pattern, key, expected) => {
    expect(matches(pattern, key)).toBe(expected)
    expect(matches(['x.y.z', pattern], key)).toBe(expected)
  })

  it.each(['', 'a.', 'a..b', '>.a', 'a.>.b', 'a*', '**', 'a b', `${longest}k`])('refuses %j', (pattern) => {
    expect(() => new KeyFilter(pattern)).toThrow('keys is')
  })

  it('refuses an empty array, too many patterns and other values', () => {
    expect(() => new KeyFilter([])).toThrow('empty array')
    expect(() => new KeyFilter(Array.from({ length: 257 }, () => 'a'))).toThrow('257 patterns')
    expect(() => new KeyFilter(5 as never)).toThrow('keys is')
    expect(() => new KeyFilter([5] as never)).toThrow('keys is')
  })

  it('matches every key without patterns, and messages without a key only then', () => {
    expect(new KeyFilter(undefined).read(Buffer.from('a.b'))).toEqual({ key: 'a.b', matches: true })
    expect(new KeyFilter(undefined).matchesNoKey).toBe(true)
    expect(new KeyFilter('>').matchesNoKey).toBe(false)
  })

  it('reports bytes that are not a key, and forgets old keys', () => {
    const filter = new KeyFilter('k.*')
    expect(filter.read(Buffer.from('a..b'))).toBeUndefined()
    for (let number = 0; number < 5_000; number += 1)
      expect(filter.read(Buffer.from(`k.${number}`))?.matches).toBe(true)
  })

  // Windows counts CPU time in steps of 15.6 ms.
  it.skipIf(IS_WINDOWS)('matches hostile patterns and keys in linear time', async () => {
    const prepare = (size: number) => {
      const filter = new KeyFilter(`${'*.'.repeat(100)}x`)
      return () => {
        for (let number = 0; number < size; number += 1)
          filter.read(Buffer.from(`${'a.'.repeat(100)}${number}`))
      }
    }
    expect(await growth(prepare, 500, 4, 8)).toBeLessThan(12)
  })
})
