import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import {
  errorOfFailure,
  failureOf,
  isServiceError,
  layerFailure,
} from '../../../../src/service/call/call-failure.js'
import { ServiceError } from '../../../../src/service-error.js'
import { STATUSES } from '../../../../src/status.js'
import { ErrorForm } from '../../../../src/wire/call-records.js'

const encode = (details: unknown): Uint8Array => Buffer.from(JSON.stringify(details))
const decode = (bytes: Buffer): unknown => JSON.parse(bytes.toString())
const BYTES_MAX = 1 << 20

function crossed(thrown: unknown, exposed = true, refused = false): ShmwireError {
  const { form, bytes } = failureOf(thrown, { exposed, refused }, BYTES_MAX, encode)
  return errorOfFailure(form, Buffer.from(bytes), decode)
}

describe('the failure of a call', () => {
  it('of a ServiceError has the same status, message, reason and details', () => {
    const text = (maxLength: number) => fc.string({ maxLength })
    const parts = fc.record({
      status: fc.constantFrom(...STATUSES),
      message: text(500),
      reason: fc.option(text(200), { nil: undefined }),
      details: fc.option(fc.jsonValue(), { nil: undefined }),
    })
    fc.assert(
      fc.property(parts, fc.boolean(), ({ status, message, ...options }, exposed) => {
        const sent = new ServiceError(status, message, options)
        const received = crossed(sent, exposed)
        expect(received).toBeInstanceOf(ServiceError)
        expect(received.message).toBe(sent.message)
        const details =
          options.details === undefined ? undefined : decode(Buffer.from(encode(options.details)))
        expect(received).toMatchObject({ status, reason: options.reason, details, executed: undefined })
      }),
    )
  })

  it('of a ServiceError states that the call did not run only if the handler has not begun', () => {
    const refusal = new ServiceError('UNAVAILABLE', 'busy', { executed: 'no' })
    expect(crossed(refusal, true, true).executed).toBe('no')
    expect(crossed(refusal, true, false).executed).toBeUndefined()
    const other = new ServiceError('UNAVAILABLE', 'busy', { executed: 'unknown' })
    expect(crossed(other, true, true).executed).toBeUndefined()
    expect(crossed(new ServiceError('UNAVAILABLE', 'busy'), true, true).executed).toBeUndefined()
  })

  it('of the layer has its code, its message and whether the call can have run', () => {
    const codes = [
      'NO_HANDLER',
      'CLOSED',
      'BACKLOG',
      'CODEC',
      'INVALID_ARGUMENT',
      'TIMEOUT',
      'ABORTED',
    ] as const
    for (const name of codes) {
      for (const executed of ['no', 'unknown'] as const) {
        const { form, bytes } = layerFailure(ErrorCode[name], 'because', executed)
        const error = errorOfFailure(form, Buffer.from(bytes), decode)
        expect(error).toMatchObject({ code: ErrorCode[name], message: 'because', executed })
      }
    }
  })

  it('shows other values only if they are exposed', () => {
    const error = Object.assign(new RangeError('a secret'), { code: 'E' })
    expect(crossed(error)).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: 'E' })
    expect(crossed(error).message).toContain('RangeError: a secret')
    const hidden = crossed(error, false)
    expect(hidden).toMatchObject({ code: ErrorCode.REMOTE, status: 'INTERNAL', remoteCode: undefined })
    expect(hidden.message).not.toContain('secret')
  })

  it('of any thrown value crosses', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (thrown) => {
        expect(crossed(thrown).code).toBe(ErrorCode.REMOTE)
        expect(isServiceError(thrown)).toBe(false)
      }),
    )
  })

  it('is refused if it is longer than a record', () => {
    const error = new ServiceError('ABORTED', 'no', { details: 'x'.repeat(1_000) })
    expect(() => failureOf(error, { exposed: true, refused: false }, 500, encode)).toThrow(
      expect.objectContaining({ code: ErrorCode.MESSAGE_TOO_LARGE }) as Error,
    )
  })

  it('keeps its status if its details cannot be decoded', () => {
    const { form, bytes } = failureOf(
      new ServiceError('ABORTED', 'no', { details: 1 }),
      { exposed: true, refused: false },
      BYTES_MAX,
      encode,
    )
    const error = errorOfFailure(form, Buffer.from(bytes), () => {
      throw new ShmwireError(ErrorCode.CODEC, 'bad details')
    })
    expect(error).toMatchObject({ code: ErrorCode.SERVICE, status: 'ABORTED', details: undefined })
    expect(error.message).toContain('bad details')
  })
})

describe('a malformed failure', () => {
  it('never throws: it is a ServiceError, a code of the layer, or REMOTE', () => {
    const json = fc.oneof(
      fc.json(),
      fc
        .record({ code: fc.anything(), status: fc.anything(), message: fc.anything(), reason: fc.anything() })
        .map((fields) =>
          JSON.stringify(fields, (_key, value: unknown) => (typeof value === 'bigint' ? 1 : value)),
        ),
      fc.string(),
    )
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
      json.map((text) => Buffer.from(text)),
      fc.tuple(fc.nat(200), json, fc.uint8Array({ maxLength: 10 })).map(([length, text, rest]) => {
        const head = Buffer.alloc(4)
        head.writeUInt32LE(length)
        return Buffer.concat([head, Buffer.from(text), rest])
      }),
    )
    fc.assert(
      fc.property(fc.nat(2), bytes, (form, received) => {
        const error = errorOfFailure(form, received, decode)
        expect(error).toBeInstanceOf(ShmwireError)
        expect(Object.values(ErrorCode)).toContain(error.code)
        expect(STATUSES).toContain(error.status)
      }),
      { numRuns: 3_000 },
    )
  })

  it.each([
    [ErrorForm.LAYER, '{"code":"ERR_SHMWIRE_CORRUPT","message":"no"}'],
    [ErrorForm.LAYER, '{"code":"toString","message":"no"}'],
    [ErrorForm.LAYER, 'null'],
    [ErrorForm.LAYER, ''],
    [ErrorForm.SERVICE, ''],
    [ErrorForm.SERVICE, '\x02\0\0\0{}'],
    [ErrorForm.SERVICE, '\x12\0\0\0{"status":"WRONG"}'],
    [ErrorForm.SERVICE, '\xff\xff\0\0{}'],
  ])('of form %i is REMOTE: %j', (form, text) => {
    expect(errorOfFailure(form, Buffer.from(text, 'latin1'), decode)).toMatchObject({
      code: ErrorCode.REMOTE,
      status: 'INTERNAL',
    })
  })

  it('has texts of limited length, and longer JSON is not parsed', () => {
    const layer = (message: string): ShmwireError =>
      errorOfFailure(
        ErrorForm.LAYER,
        Buffer.from(JSON.stringify({ code: ErrorCode.CLOSED, message })),
        decode,
      )
    expect(layer('x'.repeat(20_000)).message).toHaveLength(2_048)
    expect(layer('x'.repeat(40_000)).code).toBe(ErrorCode.REMOTE)
    expect(layer('x')).toMatchObject({ executed: 'unknown' })
  })
})
