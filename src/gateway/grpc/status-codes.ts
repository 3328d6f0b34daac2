import { STATUSES, type Status } from '../../status.js'

/** The number of success, which is not an error. */
export const OK = 0

/** The number of a status on the wire of gRPC: https://grpc.io/docs/guides/status-codes/. */
export function codeOfStatus(status: Status): number {
  return STATUSES.indexOf(status) + 1
}

/** The status with this number. A number that gRPC does not define is UNKNOWN, as gRPC demands. */
export function statusOfCode(code: number): Status {
  return STATUSES[code - 1] ?? 'UNKNOWN'
}
