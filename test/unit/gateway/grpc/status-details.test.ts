import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { AnySchema, DurationSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeStatusDetails, serviceErrorOf } from '../../../../src/gateway/grpc/status-details.js'
import { ServiceError } from '../../../../src/service-error.js'

function passed(error: ServiceError): ServiceError {
  return serviceErrorOf('INTERNAL', error.message, encodeStatusDetails(error))
}

describe('the details of a status', () => {
  it('arrive as they were sent: JSON and the reason', () => {
    fc.assert(
      fc.property(
        fc.option(fc.string({ maxLength: 50 }), { nil: undefined }),
        fc.option(fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)),
        (reason, details) => {
          const { reason: received, details: content } = passed(
            new ServiceError('NOT_FOUND', 'gone', { reason, details }),
          )
          expect(received).toBe(reason)
          expect(JSON.stringify(content)).toBe(JSON.stringify(details))
        },
      ),
    )
  })

  it('are missing without a reason and details', () => {
    expect(encodeStatusDetails(new ServiceError('ABORTED', 'x'))).toBeUndefined()
    expect(serviceErrorOf('ABORTED', 'x', undefined)).toMatchObject({ status: 'ABORTED', message: 'x' })
  })

  it('have BadRequest and ErrorInfo for clients that do not know shmwire', () => {
    const fieldViolations = [{ field: 'user.id', description: 'must be positive' }]
    const bytes = encodeStatusDetails(
      new ServiceError('INVALID_ARGUMENT', 'wrong', {
        reason: 'INVALID_MESSAGE',
        details: { fieldViolations, limit: 5, nested: {} },
      }),
    ) as Uint8Array
    const text = Buffer.from(bytes).toString('latin1')
    expect(text).toContain('type.googleapis.com/google.rpc.BadRequest')
    expect(text).toContain('type.googleapis.com/google.rpc.ErrorInfo')
    expect(text).toContain('must be positive')
  })

  it('leave out what is too long for a header, and what has no JSON form', () => {
    const long = new ServiceError('ABORTED', 'x', { reason: 'LONG', details: { text: 'x'.repeat(8000) } })
    expect(passed(long)).toMatchObject({ details: undefined })
    expect((encodeStatusDetails(long) as Uint8Array).length).toBeLessThan(200)
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(passed(new ServiceError('ABORTED', 'x', { reason: 'CYCLE', details: cycle }))).toMatchObject({
      reason: 'CYCLE',
      details: undefined,
    })
    expect(passed(new ServiceError('ABORTED', 'x', { details: { id: 5n } })).details).toEqual({ id: '5' })
  })

  it('of other types arrive with their bytes', () => {
    const value = toBinary(DurationSchema, create(DurationSchema, { seconds: 5n }))
    const any = toBinary(AnySchema, create(AnySchema, { typeUrl: 'example.com/google.rpc.RetryInfo', value }))
    const writer = new BinaryWriter().tag(1, WireType.Varint).int32(14)
    const bytes = writer.tag(3, WireType.LengthDelimited).bytes(any).finish()
    expect(serviceErrorOf('UNAVAILABLE', 'busy', bytes).details).toEqual([
      { type: 'google.rpc.RetryInfo', value },
    ])
  })

  it('that are malformed are ignored', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(serviceErrorOf('UNKNOWN', 'text', bytes)).toMatchObject({ status: 'UNKNOWN', message: 'text' })
      }),
    )
  })
})
