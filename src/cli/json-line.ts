import { types } from 'node:util'
import { printable } from '../printable.js'
import { textOfThrown } from '../uncaught.js'
import { CommandError } from './command.js'

/**
 * A value of any codec as one line of JSON, without characters that change the output of a terminal. JSON has fewer types: bytes become
 * `{"base64": …}`, a Map an object or an array of its entries, a Set an array, and a BigInt, NaN and Infinity a text.
 */
export function jsonLine(value: unknown): string {
  try {
    return printable(JSON.stringify(value, replacer()) ?? 'null')
  } catch (error) {
    if (!(error instanceof RangeError))
      throw new CommandError(
        `the message cannot be printed as JSON: ${textOfThrown(error)}; read it with a program`,
        {
          cause: error,
        },
      )
    throw new CommandError(
      `the message cannot be printed as JSON, because it is nested too deeply or too long: ${error.message}; read it with a program`,
      { cause: error },
    )
  }
}

/** The function of `JSON.stringify`, which calls it with the object that has the key as `this`. */
function replacer(): (this: unknown, key: string, value: unknown) => unknown {
  /** The objects around the member: as JSON prints them, and as they were. */
  const printed: unknown[] = []
  const originals: unknown[] = []
  return function replace(this: unknown, key: string, value: unknown): unknown {
    // Before `toJSON`, which Buffer has.
    const original = (this as Record<string, unknown>)[key]
    const bytes = bytesOf(original)
    if (bytes !== undefined) return { base64: bytes.toString('base64') }
    if (types.isBigIntObject(original)) return String(original)
    if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return `${value}`
    if (typeof value !== 'object' || value === null) return value
    while (printed.length > 0 && printed.at(-1) !== this) {
      printed.pop()
      originals.pop()
    }
    if (originals.includes(value)) return '[a reference to an object around it]'
    const plain = plainObject(value)
    printed.push(plain)
    originals.push(value)
    return plain
  }
}

/** Those of a typed array in the order of the memory, too. */
function bytesOf(value: unknown): Buffer | undefined {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer ? Buffer.from(value) : undefined
}

/** With the members that JSON prints. */
function plainObject(value: object): object | string {
  if (value instanceof Map) {
    const entries = [...value]
    return entries.every(([key]) => typeof key === 'string') ? Object.fromEntries(entries) : entries
  }
  if (value instanceof Set) return [...value]
  if (value instanceof RegExp) return String(value)
  if (value instanceof Error) {
    const { name, message, cause } = value
    return { name, message, ...('code' in value ? { code: value.code } : {}), ...(cause ? { cause } : {}) }
  }
  return value
}
