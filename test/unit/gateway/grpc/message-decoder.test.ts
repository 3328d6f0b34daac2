import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  MessageDecoder,
  MessageTooLong,
  type WireMessage,
} from '../../../../src/gateway/grpc/message-decoder.js'

function wire(bytes: Uint8Array, compressed: boolean): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = compressed ? 1 : 0
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

describe('the decoder of messages', () => {
  it('finds the same messages wherever the chunks end', () => {
    const message = fc.tuple(fc.nat(100_000), fc.boolean())
    const chunks = fc.array(fc.nat(70_000), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), chunks, (messages, cuts) => {
        const contents = messages.map(([length], index) => Buffer.alloc(length, `message ${index}`))
        const bytes = Buffer.concat(
          contents.map((content, index) => wire(content, messages[index]?.[1] === true)),
        )
        const decoder = new MessageDecoder(100_000)
        const found: WireMessage[] = []
        for (let offset = 0, index = 0; offset < bytes.length; index += 1) {
          const length = 1 + (cuts[index % cuts.length] as number)
          decoder.decode(bytes.subarray(offset, offset + length), (one) => found.push(one))
          offset += length
        }
        expect(found.map(({ compressed }) => compressed)).toEqual(
          messages.map(([, compressed]) => compressed),
        )
        expect(found.every((one, index) => one.bytes.equals(contents[index] as Buffer))).toBe(true)
        expect(decoder.incomplete).toBe(false)
      }),
    )
  })

  it('refuses a message over the limit before its bytes arrive', () => {
    const decoder = new MessageDecoder(10)
    const refuse = (): void => decoder.decode(Buffer.of(0, 0, 0, 0, 11), () => {})
    expect(refuse).toThrow(MessageTooLong)
    expect(refuse).toThrow('a message of 11 bytes')
  })

  it('is incomplete within a prefix and within a message', () => {
    const decoder = new MessageDecoder(10)
    expect(decoder.incomplete).toBe(false)
    decoder.decode(Buffer.of(0), () => {})
    expect(decoder.incomplete).toBe(true)
    decoder.decode(Buffer.of(0, 0, 0, 2, 7), () => {})
    expect(decoder.incomplete).toBe(true)
    const found: Buffer[] = []
    decoder.decode(Buffer.of(8), ({ bytes }) => found.push(bytes))
    expect(found).toEqual([Buffer.of(7, 8)])
    expect(decoder.incomplete).toBe(false)
  })
})
