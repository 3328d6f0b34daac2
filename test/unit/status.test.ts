import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { isStatus, STATUSES } from '../../src/status.js'

/** The table of the design, by the name of the code. */
const TABLE: Readonly<Record<keyof typeof ErrorCode, string>> = {
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  INVALID_STATE: 'FAILED_PRECONDITION',
  NAME_IN_USE: 'ALREADY_EXISTS',
  NOT_LISTENING: 'UNAVAILABLE',
  TIMEOUT: 'DEADLINE_EXCEEDED',
  ABORTED: 'CANCELLED',
  CLOSED: 'UNAVAILABLE',
  PEER_GONE: 'UNAVAILABLE',
  CORRUPT: 'INTERNAL',
  VERSION: 'FAILED_PRECONDITION',
  DENIED: 'PERMISSION_DENIED',
  MESSAGE_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  OUT_OF_MEMORY: 'RESOURCE_EXHAUSTED',
  BACKLOG: 'RESOURCE_EXHAUSTED',
  CODEC: 'INVALID_ARGUMENT',
  REMOTE: 'INTERNAL',
  NO_HANDLER: 'UNIMPLEMENTED',
  SERVICE: 'UNKNOWN',
  UNAVAILABLE: 'UNAVAILABLE',
  LEASE_LOST: 'ABORTED',
}

describe('the status of an error', () => {
  it.each(Object.entries(TABLE))('with the code %s is %s', (name, status) => {
    const code = ErrorCode[name as keyof typeof ErrorCode]
    expect(new ShmwireError(code, '').status).toBe(status)
    expect(new ShmwireError(code, 'no')).toMatchObject({ code, status, executed: undefined })
    expect(isStatus(status)).toBe(true)
  })

  it('can be another one', () => {
    const error = new ShmwireError(ErrorCode.CODEC, 'no', { status: 'INTERNAL', executed: 'unknown' })
    expect(error).toMatchObject({ status: 'INTERNAL', executed: 'unknown' })
  })

  it('is one of the 16 of gRPC', () => {
    expect(new Set(STATUSES).size).toBe(16)
    for (const value of ['OK', 'toString', '', undefined, 5, null]) expect(isStatus(value)).toBe(false)
  })
})
