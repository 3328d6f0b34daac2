import { printable } from '../printable.js'
import { type FieldViolation, invalidMessage, type ServiceError } from '../service-error.js'

/** Violations of one error. */
export const VIOLATIONS_MAX = 32
const FIELD_CHARACTERS_MAX = 256
const DESCRIPTION_CHARACTERS_MAX = 256
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** The use of a message type, for its errors. */
export interface MessagePlace {
  /** For example `user.UserService.getUser`. */
  readonly method: string
  readonly direction: 'input' | 'output'
}

/** The path of a field: names of fields, and indexes of elements. */
export type FieldPath = readonly PropertyKey[]

/** A violation whose texts are bounded. */
export function violationAt(path: FieldPath, description: string): FieldViolation {
  return { field: fieldOf(path), description: printable(description, DESCRIPTION_CHARACTERS_MAX) }
}

/** The error of a wrong message: the caller's fault for an input, the handler's fault for an output. */
export function messageFault(
  { method, direction }: MessagePlace,
  violations: readonly FieldViolation[],
): ServiceError {
  const status = direction === 'input' ? 'INVALID_ARGUMENT' : 'INTERNAL'
  return invalidMessage(`the ${direction} of ${method}`, violations.slice(0, VIOLATIONS_MAX), status)
}

/** For example `user.emails[0]`. */
function fieldOf(path: FieldPath): string {
  let text = ''
  for (const step of path) {
    text += stepText(step, text === '')
    if (text.length > FIELD_CHARACTERS_MAX) return `${printable(text.slice(0, FIELD_CHARACTERS_MAX))}…`
  }
  return printable(text)
}

function stepText(step: PropertyKey, isFirst: boolean): string {
  if (typeof step === 'number') return `[${step}]`
  const name = String(step)
  if (name.length > FIELD_CHARACTERS_MAX) return `[${JSON.stringify(name.slice(0, FIELD_CHARACTERS_MAX))}…]`
  if (!IDENTIFIER.test(name)) return `[${JSON.stringify(name)}]`
  return isFirst ? name : `.${name}`
}
