import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { decodeMetadata, encodeMetadata, Metadata } from '../../../../src/service/call/metadata.js'
import { METADATA_BYTES_MAX } from '../../../../src/wire/call-records.js'

const wrong = expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error
const name = fc.stringMatching(/^[0-9a-z_.-]{1,40}$/).filter((text) => !text.endsWith('-bin'))
const entry = fc.oneof(
  fc.tuple(name, fc.stringMatching(/^[\x20-\x7e]{0,60}$/)),
  fc.tuple(
    name.map((text) => `${text}-bin`),
    fc.uint8Array({ maxLength: 60 }),
  ),
)

describe('Metadata', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const metadata = new Metadata(entries)
        const received = decodeMetadata(encodeMetadata(metadata) ?? Buffer.alloc(0))
        expect([...(received as Metadata)]).toEqual([...metadata])
      }),
    )
  })

  it('is a fault of the peer when it is malformed, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const received = decodeMetadata(Buffer.from(bytes))
        if (received !== undefined) for (const [key] of received) expect(key).toMatch(/^[0-9a-z_.-]{1,128}$/)
      }),
      { numRuns: 2_000 },
    )
    for (const bytes of [
      [0],
      [0, 0, 0],
      [1, 65, 0, 0],
      [1, 97],
      [1, 97, 5, 0, 1],
      [1, 97, 1, 0, 10],
      [200, ...Array.from({ length: 200 }, () => 97), 0, 0],
    ])
      expect(decodeMetadata(Buffer.from(bytes))).toBeUndefined()
  })

  it('has one value for each name, whatever its case', () => {
    const metadata = new Metadata([
      ['A', '1'],
      ['a', '2'],
    ])
    expect([...metadata]).toEqual([['a', '2']])
    expect([metadata.size, metadata.get('A'), metadata.text('a'), metadata.has('A')]).toEqual([
      1,
      '2',
      '2',
      true,
    ])
    expect([metadata.delete('A'), metadata.size, metadata.has('a'), metadata.get('a')]).toEqual([
      true,
      0,
      false,
      undefined,
    ])
    metadata.set('x-bin', new Uint8Array([1]))
    expect([metadata.text('x-bin'), metadata.get('X-BIN')]).toEqual([undefined, new Uint8Array([1])])
  })

  it('copies bytes when it is received, so that the record can be released', () => {
    const encoded = encodeMetadata(new Metadata({ 'x-bin': new Uint8Array([1, 2]) })) as Buffer
    const received = decodeMetadata(encoded)
    encoded.fill(0)
    expect(received?.get('x-bin')).toEqual(new Uint8Array([1, 2]))
  })

  it.each([
    null,
    'text',
    5,
    { 'with space': '' },
    { '': '' },
    { ['x'.repeat(129)]: '' },
    { größe: '' },
    { a: 5 },
    { a: 'größe' },
    { a: 'line\nbreak' },
    { a: new Uint8Array(1) },
    { 'a-bin': 'text' },
    [[undefined, '1']],
  ])('refuses %j', (init) => {
    expect(() => new Metadata(init as never)).toThrow(wrong)
  })

  it('has at most 16 KiB when it is sent', () => {
    expect(encodeMetadata(undefined)).toBeUndefined()
    expect(encodeMetadata(new Metadata())).toBeUndefined()
    const most = 'x'.repeat(METADATA_BYTES_MAX - 4)
    expect(encodeMetadata(new Metadata({ a: most }))).toHaveLength(METADATA_BYTES_MAX)
    expect(() => encodeMetadata(new Metadata({ a: `${most}x` }))).toThrow(wrong)
    expect(() => encodeMetadata(new Metadata({ a: most, b: '' }))).toThrow(wrong)
  })
})
