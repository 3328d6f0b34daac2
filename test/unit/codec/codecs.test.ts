import { expect, test } from 'vitest'
import type { Codec, CodecName } from '../../../src/codec/codec.js'
import { codecFor } from '../../../src/codec/codecs.js'

test.each<CodecName>(['msgpack', 'json', 'bytes', 'v8'])('finds %s by its name', (name) => {
  expect(codecFor(name).name).toBe(name)
})

test('takes a codec as it is, and a fresh one where it can be had', () => {
  const own: Codec = { name: 'own', encode: () => new Uint8Array(), decode: () => undefined }
  expect(codecFor(own)).toBe(own)
  const stateful: Codec = { ...own, perChannel: () => ({ ...own }) }
  expect(codecFor(stateful)).not.toBe(codecFor(stateful))
})
