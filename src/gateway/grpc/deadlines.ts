import { TIMEOUT_MS_MAX } from '../../options.js'
import { ServiceError } from '../../service-error.js'

const TIMEOUT = /^(\d{1,8})([HMSmun])$/
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

/** The time of a call in milliseconds, from the header `grpc-timeout`; Infinity without it, and beyond 24 days. Throws `INTERNAL`. */
export function timeoutOf(header: string | undefined): number {
  if (header === undefined) return Number.POSITIVE_INFINITY
  const [, digits, unit] = TIMEOUT.exec(header) ?? []
  if (digits === undefined || unit === undefined)
    throw new ServiceError(
      'INTERNAL',
      'the header grpc-timeout must be 1 to 8 digits and a unit from H M S m u n',
    )
  const timeoutMs = Number(digits) * (UNIT_MS[unit] as number)
  return timeoutMs > TIMEOUT_MS_MAX ? Number.POSITIVE_INFINITY : timeoutMs
}
