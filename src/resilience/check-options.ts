import { integer, invalid, TIMEOUT_MS_MAX } from '../options.js'
import { STATUSES, type Status } from '../status.js'

/** Whole milliseconds, from `min` to the longest timer. Throws `INVALID_ARGUMENT`. */
export function millisecondsOption(name: string, value: unknown, min: number): number {
  return integer(name, value, min, TIMEOUT_MS_MAX)
}

/** Throws `INVALID_ARGUMENT`. */
export function callbackOption<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, value, 'a function')
  return value
}

/** Throws `INVALID_ARGUMENT`. */
export function statusesOption(name: string, value: readonly Status[]): readonly Status[] {
  const all: readonly unknown[] = STATUSES
  if (Array.isArray(value) && value.every((one) => all.includes(one))) return [...value]
  throw invalid(name, value, `an array of ${STATUSES.join(', ')}`)
}
