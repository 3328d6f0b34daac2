import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  COMPRESSED_BYTES_MIN,
  type ContentCoding,
  contentCodingOf,
  encodeBody,
} from '../../../../src/gateway/rest/content-coding.js'

describe('contentCodingOf', () => {
  it.each<[string | undefined, ContentCoding]>([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0, gzip;q=0', 'identity'],
    ['*', 'br'],
    ['*;q=0.1, gzip;q=0.2', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['gzip;q=0.5, identity', 'identity'],
    ['gzip;q=0.5, identity;q=0.1', 'gzip'],
    ['identity', 'identity'],
    ['deflate', 'identity'],
    ['gzip ; Q=1.000', 'gzip'],
    ['gzip;q=1.5', 'identity'],
    ['gzip;q=high, br;;q=1', 'identity'],
    ['gzip;level=9', 'identity'],
    ['*;q=0, gzip', 'gzip'],
  ])('selects for the header %j the coding %s', (header, expected) => {
    expect(contentCodingOf(header, COMPRESSED_BYTES_MIN)).toBe(expected)
  })

  it('does not compress a short body unless the client refuses it otherwise', () => {
    expect(contentCodingOf('br', COMPRESSED_BYTES_MIN - 1)).toBe('identity')
    expect(contentCodingOf('br, identity;q=0', 1)).toBe('br')
    expect(contentCodingOf('gzip, *;q=0', 1)).toBe('gzip')
  })

  it('refuses a client that accepts nothing', () => {
    for (const header of ['identity;q=0', '*;q=0', 'zstd, *;q=0.0', 'br;q=0, gzip;q=0.000, identity;q=0'])
      expect(() => contentCodingOf(header, 5_000)).toThrow(
        expect.objectContaining({ httpStatus: 406, reason: 'NOT_ACCEPTABLE' }),
      )
  })

  it('selects a coding that the client has not refused, for any header', () => {
    const member = fc
      .tuple(
        fc.constantFrom('br', 'gzip', 'identity', '*', 'zstd'),
        fc.constantFrom('', ';q=0', ';q=0.3', ';q=1', '; q=0.05'),
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        fc.uniqueArray(member, { selector: (text) => text.split(';')[0] }),
        fc.nat(2_000),
        (members, bytes) => {
          const refused = (coding: string): boolean => {
            const own = members.find((text) => text.split(';')[0] === coding)
            const any = members.find((text) => text.startsWith('*'))
            return (own ?? any)?.endsWith('q=0') ?? coding !== 'identity'
          }
          const codings = ['br', 'gzip', 'identity']
          if (codings.every(refused)) expect(() => contentCodingOf(members.join(','), bytes)).toThrow()
          else expect(refused(contentCodingOf(members.join(', '), bytes))).toBe(false)
        },
      ),
    )
  })
})

describe('encodeBody', () => {
  it('compresses bodies so that clients can read them', async () => {
    const bodies = [0, 1, 2_000, 300_000].map((bytes) => Buffer.alloc(bytes, 'a message '))
    for (const body of bodies) {
      expect(encodeBody(body, 'identity')).toBe(body)
      expect(gunzipSync(await encodeBody(body, 'gzip')).equals(body)).toBe(true)
      expect(brotliDecompressSync(await encodeBody(body, 'br')).equals(body)).toBe(true)
    }
  })

  it('compresses many bodies at the same time, each to its own bytes', async () => {
    const bodies = Array.from({ length: 40 }, (_, index) => Buffer.alloc(5_000, `body ${index} `))
    const encoded = await Promise.all(
      bodies.map(async (body, index) => encodeBody(body, index % 2 === 0 ? 'br' : 'gzip')),
    )
    for (const [index, bytes] of encoded.entries()) {
      const decoded = index % 2 === 0 ? brotliDecompressSync(bytes) : gunzipSync(bytes)
      expect(decoded.equals(bodies[index] as Buffer)).toBe(true)
    }
  })
})
