import { assert, dictionary, property, string, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeHeaders, encodeHeaders, HEADERS_BYTES_MAX } from '../../../src/messaging/headers.js'
import type { MessageHeaders } from '../../../src/messaging/types.js'
import { newSeed } from '../../support/random.js'

const roundTrip = (headers: MessageHeaders): MessageHeaders | undefined =>
  decodeHeaders(encodeHeaders(headers))

describe('headers', () => {
  it('keeps names and values', () => {
    const headers = { 'correlation-id': 'c-1', empty: '', text: 'ä 日本 😀', 'UPPER!#': 'a:b=c' }
    expect(roundTrip(headers)).toEqual(headers)
    expect(roundTrip({})).toEqual({})
    expect(encodeHeaders(undefined)).toHaveLength(0)
  })

  it('keeps a header with the name of a member of all objects', () => {
    const headers = JSON.parse('{"__proto__": "x", "constructor": "y"}') as MessageHeaders
    const decoded = roundTrip(headers)
    expect(Object.entries(decoded ?? {})).toEqual(Object.entries(headers))
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
  })

  it('keeps any valid headers', () => {
    const seed = newSeed('headers')
    const name = string({ minLength: 1, maxLength: 20 }).filter((text) => /^[!-9;-~]+$/.test(text))
    const value = string({ maxLength: 50 }).filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text))
    assert(
      property(dictionary(name, value, { maxKeys: 10 }), (headers) => {
        expect(Object.entries(roundTrip(headers) ?? {})).toEqual(Object.entries(headers))
      }),
      { seed, numRuns: 300 },
    )
  })

  it.each<[string, unknown]>([
    ['a string', 'x'],
    ['null', null],
    ['a number as a value', { a: 1 }],
    ['undefined as a value', { a: undefined }],
    ['an empty name', { '': 'x' }],
    ['a name with a space', { 'a b': 'x' }],
    ['a name with a colon', { 'a:b': 'x' }],
    ['a name of other letters', { ä: 'x' }],
    ['a long name', { ['a'.repeat(4097)]: 'x' }],
    ['a value with a line break', { a: 'x\ny' }],
    ['a value with a lone surrogate', { a: '\ud800' }],
    ['a long value', { a: 'x'.repeat(4097) }],
    ['a value with too many bytes', { a: 'ä'.repeat(2049) }],
    ['too many headers', Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`h${index}`, '']))],
    [
      'too many bytes',
      { a: 'x'.repeat(4096), b: 'x'.repeat(4096), c: 'x'.repeat(4096), d: 'x'.repeat(4096) },
    ],
  ])('refuses %s', (_what, headers) => {
    expect(() => encodeHeaders(headers as MessageHeaders)).toThrow(
      expect.objectContaining({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }),
    )
  })

  it('refuses malformed bytes, and never reads beyond them', () => {
    const seed = newSeed('malformed headers')
    const valid = encodeHeaders({ a: 'b', cd: 'ef' })
    for (let length = 1; length < valid.length; length += 1)
      if (length !== 6) expect(decodeHeaders(valid.subarray(0, length))).toBeUndefined()
    expect(decodeHeaders(Buffer.concat([valid, valid]))).toBeUndefined()
    expect(decodeHeaders(Buffer.alloc(HEADERS_BYTES_MAX + 1))).toBeUndefined()
    assert(
      property(uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeHeaders(Buffer.from(bytes))
        // Decoded headers are valid again.
        if (decoded !== undefined) encodeHeaders(decoded)
      }),
      { seed, numRuns: 3_000 },
    )
  })
})
