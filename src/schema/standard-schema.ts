import type { FieldViolation } from '../service-error.js'
import { isThenable } from '../thenable.js'
import { type MessagePlace, messageFault, VIOLATIONS_MAX, violationAt } from './field-violations.js'
import type { MessageType } from './message-type.js'
import type { StandardIssue, StandardProperties, StandardResult, StandardSchema } from './schema.js'

/** Whether the value has the members of a Standard Schema. The schemas of some libraries are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as Partial<StandardSchema>)['~standard'] as Partial<StandardSchema['~standard']>
  return typeof standard?.validate === 'function' && standard.version === 1
}

/**
 * An input becomes the result of the schema. An output is only checked, because the caller could not know what a schema that transforms
 * values accepts.
 */
export function standardMessageType(schema: StandardSchema, place: MessagePlace): MessageType {
  const standard = schema['~standard']
  const settle = (value: unknown, result: StandardResult<unknown>): unknown => {
    if (result.issues !== undefined) throw messageFault(place, violationsOf(result.issues))
    return place.direction === 'input' ? result.value : value
  }
  return {
    empty: false,
    parse: (value) => {
      const result = standard.validate(value)
      return isThenable(result) ? result.then((later) => settle(value, later)) : settle(value, result)
    },
    jsonSchema: () => jsonSchemaOf(standard),
  }
}

/** Some libraries return subclasses of Array, whose `map` and `slice` call their constructors. */
function violationsOf(issues: readonly StandardIssue[]): FieldViolation[] {
  return Array.from({ length: Math.min(issues.length, VIOLATIONS_MAX) }, (_, index) => {
    const { path = [], message } = issues[index] as StandardIssue
    const steps = Array.from(path, (step) => (typeof step === 'object' ? step.key : step))
    return violationAt(steps, message)
  })
}

/** The form of messages that are sent: defaults and transforms apply afterwards. */
function jsonSchemaOf({ jsonSchema }: StandardProperties<unknown, unknown>) {
  try {
    return jsonSchema?.input({ target: 'draft-2020-12' })
  } catch {
    // The specification: the library throws if the schema has no form in JSON Schema.
    return undefined
  }
}
