import { expect, test } from 'vitest'
import type { Codec, CodecName } from '../../../src/codec/codec.js'
import { codecFor } from '../../../src/codec/codecs.js'

test.each<CodecName>(['msgpack', 'json', 'bytes', 'v8'])('finds %s by its name', (name) => {
  expect(codecFor(name).name).toBe(name)
})

test('returns a codec object unchanged, also one with state', () => {
  const own: Codec = { name: 'own', encode: () => new Uint8Array(), decode: () => undefined }
  const stateful: Codec = { ...own, perChannel: () => ({ ...own }) }
  expect([codecFor(own), codecFor(stateful)]).toEqual([own, stateful])
})
