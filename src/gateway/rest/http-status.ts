import type { Status } from '../../status.js'

/** The status codes of HTTP for those of gRPC, as google/rpc/code.proto maps them. */
const HTTP_STATUSES: Readonly<Record<Status, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
}

/** The status code of HTTP for an error with this status. */
export function httpStatusOf(status: Status): number {
  return HTTP_STATUSES[status]
}
