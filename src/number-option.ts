import { invalid } from './options.js'

/** Throws `INVALID_ARGUMENT` unless the value is a number within the bounds. */
export function numberOption(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw invalid(name, value, `a number from ${min} to ${max}`)
}
