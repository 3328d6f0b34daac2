import { describe, expect, it } from 'vitest'
import { contentOf, EncodedMessage, encodeOnce } from '../../../src/channel/encoded-message.js'
import type { Codec } from '../../../src/codec/codec.js'
import { ErrorCode } from '../../../src/errors.js'

const scratch = Buffer.alloc(4)

function codecOf(more: Partial<Codec>): Codec {
  return {
    name: 'own',
    encode: (value) => scratch.fill(value as number),
    decode: (bytes) => bytes[0],
    ...more,
  }
}

describe('encodeOnce', () => {
  it('copies bytes that the codec reuses', () => {
    const codec = codecOf({ reusesMemory: true })
    const [first, second] = [encodeOnce(1, codec), encodeOnce(2, codec)]
    expect([...contentOf(first).bytes, ...contentOf(second).bytes]).toEqual([1, 1, 1, 1, 2, 2, 2, 2])
    expect([first.codec, first.byteLength]).toEqual(['own', 4])
  })

  it('uses encodeOnce of the codec', () => {
    const once = { bytes: Buffer.from('once'), places: [1] }
    const codec = codecOf({ encodeOnce: () => once, perChannel: () => codecOf({}) })
    expect(contentOf(encodeOnce(1, codec))).toBe(once)
  })

  it('refuses a codec whose messages depend on the channel', () => {
    const codec = codecOf({ perChannel: () => codecOf({}) })
    expect(() => encodeOnce(1, codec)).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining('encodeOnce') as string,
      }),
    )
  })

  it('reports a value that the codec cannot encode', () => {
    const error = new TypeError('not this one')
    const codec = codecOf({
      encode: () => {
        throw error
      },
    })
    expect(() => encodeOnce(1, codec)).toThrow(
      expect.objectContaining({
        code: ErrorCode.CODEC,
        cause: error,
        message: 'codec own cannot encode the message: not this one',
      }),
    )
    expect(() => encodeOnce(() => 1)).toThrow(expect.objectContaining({ code: ErrorCode.CODEC }))
  })

  it.each<[string, Partial<Codec>, RegExp]>([
    ['encode that returns text', { encode: () => 'text' as never }, /encode must return a Uint8Array/],
    ['encodeOnce that returns none', { encodeOnce: () => ({}) as never }, /must return bytes: a Uint8Array/],
  ])('refuses a codec with %s', (_what, more, text) => {
    expect(() => encodeOnce(1, codecOf(more))).toThrow(
      expect.objectContaining({ code: ErrorCode.CODEC, message: expect.stringMatching(text) as string }),
    )
  })

  it('refuses memory that was transferred, which looks empty', () => {
    const bytes = new Uint8Array(8)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    expect(() => encodeOnce(bytes, 'bytes')).toThrow(expect.objectContaining({ code: ErrorCode.CODEC }))
    expect(encodeOnce(new Uint8Array(0), 'bytes').byteLength).toBe(0)
  })

  it.each(['msgpack', 'json', 'v8', 'bytes'] as const)('refuses its own result with %s', (codec) => {
    expect(() => encodeOnce(encodeOnce(Buffer.of(1), codec), codec)).toThrow(
      expect.objectContaining({ code: ErrorCode.CODEC }),
    )
  })

  // Its bytes would be lost: only the properties of an object are sent.
  it.each(['msgpack', 'json'] as const)('cannot be a part of another message with %s', (codec) => {
    const part = encodeOnce({ a: 1 }, codec)
    for (const message of [{ part }, [part], { list: [1, { part }] }])
      expect(() => encodeOnce(message, codec)).toThrow(
        expect.objectContaining({
          code: ErrorCode.CODEC,
          message: expect.stringMatching(/EncodedMessage|part of another message/) as string,
        }),
      )
  })

  it('refuses an unknown codec', () => {
    expect(() => encodeOnce(1, 'yaml' as 'json')).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
    )
  })
})

describe('contentOf', () => {
  it('rejects an object that only inherits from the class', () => {
    expect(() => contentOf(Object.create(EncodedMessage.prototype) as EncodedMessage)).toThrow(TypeError)
  })
})
