import type { ShmwireError } from './errors.js'
import { invalid, misuse } from './options.js'

/** Like `invalid`, for values that can be secret: the error, which programs log, does not quote a text. */
export function invalidSecret(name: string, value: unknown, expected: string): ShmwireError {
  if (typeof value !== 'string') return invalid(name, value, expected)
  return misuse(`${name} is a string of ${value.length} characters; it must be ${expected}`)
}
