import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { writeMessage } from '../../../../src/gateway/grpc/message-encoder.js'
import { TunnelMessages } from '../../../../src/gateway/grpc/tunnel-messages.js'
import { MESSAGE_BYTES_MAX } from '../../../../src/gateway/tunnel/tunnel-message.js'

function framed(message: Uint8Array, compressed?: boolean): Buffer {
  const stream = new PassThrough({ highWaterMark: 2 * MESSAGE_BYTES_MAX })
  writeMessage(stream, message, compressed)
  return stream.read() as Buffer
}

describe('TunnelMessages', () => {
  it.each([0, 1, 16 * 1024, 16 * 1024 + 1, MESSAGE_BYTES_MAX])('finds a message of %i bytes', (length) => {
    const message = Buffer.alloc(length, length)
    const bytes = framed(message)
    const messages = new TunnelMessages()
    const found: Buffer[] = []
    for (const chunk of [bytes.subarray(0, 7), bytes.subarray(7)])
      messages.decode(chunk, (one) => found.push(one))
    expect(found.length).toBe(1)
    expect(found[0]?.equals(message)).toBe(true)
  })

  it.each([
    [
      'a message that is too long, before it arrives',
      framed(Buffer.alloc(MESSAGE_BYTES_MAX + 1)).subarray(0, 5),
      `at most ${MESSAGE_BYTES_MAX}`,
    ],
    ['a compressed message', framed(Buffer.of(1), true), 'compressed'],
  ])('refuses %s', (_what, bytes, text) => {
    const refuse = (): void => new TunnelMessages().decode(bytes, () => {})
    expect(refuse).toThrow(
      expect.objectContaining({ code: ErrorCode.CORRUPT, message: expect.stringContaining(text) }),
    )
  })
})
