/** The 16 canonical codes of gRPC that describe a failed call (https://grpc.io/docs/guides/status-codes/). */
export const STATUSES = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

export type Status = (typeof STATUSES)[number]

/** Those of a fault of the server, which HTTP calls 5xx. The others are outcomes that the caller can correct. */
const SERVER_FAULTS: ReadonlySet<unknown> = new Set<Status>([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
])

export function isServerFault(status: unknown): boolean {
  return SERVER_FAULTS.has(status)
}

export function isStatus(value: unknown): value is Status {
  return STATUSES.includes(value as Status)
}
