/** The JSON form of the messages of one method. */
export interface MessageForm {
  /** The caller sends no message. */
  readonly emptyInput: boolean
  /** The handler sends no message. */
  readonly emptyOutput: boolean
  /** Whether a missing body means an object without members. */
  readonly takesObject: boolean
  /** The field of the request with this path, as it occurs in templates and queries. Undefined: there is none with a single value or a list of them. */
  parameter(path: string): Parameter | undefined
  /** The name of a field of the request in JSON. */
  inputName(field: string): string
  /** The message that the client of the service takes. Throws the error 400. */
  messageOf(json: unknown): unknown
  /** The JSON text of a message of the service, or of one of its fields. */
  textOf(message: unknown, field: string): string
}

/** A field of a request, whose value is a text in a path or a query. */
export interface Parameter {
  /** The names of the properties in JSON, from the outermost one. */
  readonly path: readonly string[]
  /** Whether it is a list. */
  readonly repeated: boolean
  /** The JSON value of a text. If it is not one of the type: the text itself, for the check of the message, or undefined. */
  convert(text: string): unknown
}

/** Longer paths of fields are not known. */
export const FIELD_STEPS_MAX = 16

const INTEGER_OR_FRACTION = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The number of a text in the syntax of JSON; the text itself if it is not one, or is too large. */
export function numberOf(text: string): unknown {
  if (!INTEGER_OR_FRACTION.test(text)) return text
  const value = Number(text)
  // A longer integer would become another one.
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return text
  return value
}

/** The truth value of a text; the text itself if it is not one. */
export function booleanOf(text: string): unknown {
  if (text === 'true') return true
  return text === 'false' ? false : text
}

/** JSON has no bigint: an integer of 64 bits is a text, as in ProtoJSON. */
export function jsonText(value: unknown): string {
  // `undefined` has no JSON text.
  return JSON.stringify(value ?? null, (_key, item: unknown) =>
    typeof item === 'bigint' ? String(item) : item,
  )
}
