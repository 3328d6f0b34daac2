import { invalid, misuse } from '../../options.js'
import { METHOD_BYTES_MAX } from '../../wire/call-records.js'

const NAME = /^[\x21-\x7e]*$/

/** `await client` would call `then`, and `JSON.stringify(client)` `toJSON`; every object has the others. */
const RESERVED: ReadonlySet<string> = new Set([
  'then',
  'toJSON',
  ...Object.getOwnPropertyNames(Object.prototype),
])

/** Whether the language gives the name another meaning, so that no method can have it. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name)
}

/** Checks a full name, `service/method`. Throws `INVALID_ARGUMENT`. */
export function checkMethodName(name: string): void {
  if (!NAME.test(name))
    throw invalid('the name of a method', name, 'of printable ASCII characters without spaces')
  if (name.length > METHOD_BYTES_MAX)
    throw misuse(
      `the name of the method is ${name.length} characters with its service, more than ${METHOD_BYTES_MAX}`,
    )
}
