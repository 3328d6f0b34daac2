import { describe, expect, it } from 'vitest'
import { encodeOnce } from '../../../src/channel/encoded-message.js'
import type { Codec } from '../../../src/codec/codec.js'
import { MessageCodec } from '../../../src/messaging/message-codec.js'

const BYTES_MAX = 1_000

const codecOf = (option?: 'bytes' | 'json' | 'msgpack' | 'v8' | Codec): MessageCodec =>
  new MessageCodec(option, BYTES_MAX, 'send parts')

describe('MessageCodec', () => {
  it.each(['msgpack', 'json', 'v8'] as const)('keeps a value with %s', (name) => {
    const codec = codecOf(name)
    const value = { text: 'ä', list: [1, 2.5, null], nested: { a: true } }
    expect(codec.name).toBe(name)
    expect(codec.decode(Buffer.from(codec.encode(value)))).toEqual(value)
  })

  it('decodes messages in any order, each alone', () => {
    const values = Array.from({ length: 20 }, (_, index) => ({
      id: index,
      name: `n${index}`,
      more: { a: index },
    }))
    const sender = codecOf()
    const encoded = values.map((value) => Buffer.from(sender.keep(sender.encode(value))))
    for (const [index, bytes] of [...encoded.entries()].toReversed())
      expect(codecOf().decode(bytes)).toEqual(values[index])
  })

  it('ignores the state that a codec of the program has for a channel', () => {
    const codec: Codec = {
      name: 'mine',
      encode: (value) => Buffer.from(String(value)),
      decode: (bytes) => bytes.toString(),
      perChannel: () => {
        throw new Error('not for a message')
      },
    }
    expect(codecOf(codec).decode(Buffer.from(codecOf(codec).encode('x')))).toBe('x')
  })

  it.each(['msgpack', 'json', 'v8'] as const)('sends messages of encodeOnce with %s', (name) => {
    // Channels announce the keys of the later ones; these messages have no channel.
    for (let round = 0; round < 4; round += 1) {
      const value = { [`by ${name}`]: round, list: [{ deep: round }, { deep: round + 1 }] }
      const bytes = codecOf(name).encode(encodeOnce(value, name))
      expect(codecOf(name).decode(Buffer.from(bytes))).toEqual(value)
    }
  })

  it('refuses a message of encodeOnce that depends on the channel, unless the codec adopts it', () => {
    const codec: Codec = {
      name: 'mine',
      encode: (value) => Buffer.from(String(value)),
      decode: (bytes) => bytes.toString(),
      encodeOnce: (value) => ({ bytes: Buffer.from(`?${String(value)}`), places: [0] }),
    }
    expect(() => codecOf(codec).encode(encodeOnce('x', codec))).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_CODEC',
        message: expect.stringContaining('depend on the channel') as string,
      }),
    )
    const adopting: Codec = { ...codec, adopt: ({ bytes }) => bytes.subarray(1) }
    expect(codecOf(adopting).encode(encodeOnce('x', adopting))).toEqual(Buffer.from('x'))
  })

  it('calls a codec of the program as a method', () => {
    class Prefix implements Codec {
      readonly name = 'prefix'
      readonly #prefix = '>'
      encode(value: unknown): Uint8Array {
        return Buffer.from(this.#prefix + String(value))
      }
      decode(bytes: Buffer): unknown {
        return bytes.toString().slice(this.#prefix.length)
      }
    }
    const codec = codecOf(new Prefix())
    expect(codec.decode(Buffer.from(codec.encode('x')))).toBe('x')
  })

  it('refuses a message that is too long, with the remedy', () => {
    expect(() => codecOf('bytes').encode(Buffer.alloc(BYTES_MAX + 1))).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
        message: 'the message is 1001 bytes, more than 1000; send parts',
      }),
    )
    expect(codecOf('bytes').encode(Buffer.alloc(BYTES_MAX))).toHaveLength(BYTES_MAX)
  })

  it('reports values and bytes that it cannot convert as CODEC', () => {
    const isCodec = expect.objectContaining({ code: 'ERR_SHMWIRE_CODEC' })
    expect(() => codecOf().encode(() => {})).toThrow(isCodec)
    expect(() => codecOf('json').decode(Buffer.from('{'))).toThrow(isCodec)
  })

  it.each([[{ name: 'x' }], ['xml'], [7], [null]])('refuses the option %o', (option) => {
    expect(() => codecOf(option as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }),
    )
  })

  it('names both codecs when they differ', () => {
    codecOf('json').assertSame('json', 'the queue')
    expect(() => codecOf('json').assertSame('v8', 'the queue')).toThrow(
      'the queue uses the codec "v8", and this side "json"; pass the same option codec on both sides',
    )
  })
})
