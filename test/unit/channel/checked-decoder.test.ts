import { describe, expect, it } from 'vitest'
import { CheckedDecoder } from '../../../src/channel/checked-decoder.js'
import { ErrorCode } from '../../../src/errors.js'
import { ServiceError } from '../../../src/service-error.js'

const codec = { decode: (payload: Buffer): unknown => payload.toString() }
const PAYLOAD = Buffer.from('7')

describe('the decoder of a channel with a schema', () => {
  it('returns the result of the schema', () => {
    expect(new CheckedDecoder(codec, { parse: Number }).decode(PAYLOAD)).toBe(7)
  })

  it('throws CODEC with the error of the schema as its cause', () => {
    const cause = new ServiceError('INVALID_ARGUMENT', 'id: expected a number')
    const decoder = new CheckedDecoder(codec, {
      parse: () => {
        throw cause
      },
    })
    expect(() => decoder.decode(PAYLOAD)).toThrow(
      expect.objectContaining({
        code: ErrorCode.CODEC,
        message: 'the peer sent a wrong message: id: expected a number',
        cause,
      }),
    )
  })

  it.each([() => Promise.resolve(7), () => Promise.reject(new Error('late'))])(
    'throws CODEC for a schema that validates asynchronously, and handles its promise',
    (parse) => {
      const decoder = new CheckedDecoder(codec, { parse })
      expect(() => decoder.decode(PAYLOAD)).toThrow('a schema that validates at once')
    },
  )

  it('passes on the error of the codec', () => {
    const error = new Error('bad bytes')
    const broken = {
      decode: () => {
        throw error
      },
    }
    expect(() => new CheckedDecoder(broken, { parse: String }).decode(PAYLOAD)).toThrow(error)
  })
})
