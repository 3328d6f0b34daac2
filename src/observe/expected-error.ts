import { ErrorCode } from '../errors.js'
import { isServerFault, STATUSES } from '../status.js'

/** The program or the other side has ended it in order. */
const ENDS: ReadonlySet<unknown> = new Set([ErrorCode.ABORTED, ErrorCode.CLOSED])

/** Whether the error is an outcome, and not a fault. Any value can be thrown. */
export function isExpected(operation: string, error: unknown): boolean {
  const { code, status, name, reason } = membersOf(error)
  if (ENDS.has(code) || name === 'AbortError') return true
  // Queues and cells answer with their own codes as the reason.
  if (code === ErrorCode.SERVICE && typeof reason === 'string' && ENDS.has(reason.split('/', 1)[0]))
    return true
  if (code === ErrorCode.SERVICE) return !isServerFault(status)
  // A refused client gets the error, and reports it.
  return operation === 'accept' && code !== ErrorCode.OUT_OF_MEMORY && isOwnCode(code)
}

/** Whether the client of a gateway gets an error that it can correct. Without an answer, the client has gone away. */
export function isExpectedAnswer(
  error: unknown,
  statusCode: number | undefined,
  grpcStatus: number | undefined,
): boolean {
  if (grpcStatus !== undefined) return !isServerFault(STATUSES[grpcStatus - 1])
  // A stream fails after its status code.
  if (statusCode === undefined || statusCode < 400) return isExpected('gateway.request', error)
  return statusCode < 500
}

function isOwnCode(code: unknown): boolean {
  return typeof code === 'string' && code.startsWith('ERR_SHMWIRE_')
}

function membersOf(error: unknown): Readonly<Record<'code' | 'status' | 'name' | 'reason', unknown>> {
  try {
    const { code, status, name, reason } = (error ?? {}) as Record<string, unknown>
    return { code, status, name, reason }
  } catch {
    return { code: undefined, status: undefined, name: undefined, reason: undefined }
  }
}
