import type { DescField, DescMessage, JsonValue } from '@bufbuild/protobuf'
import type { FieldPath } from '../../schema/field-violations.js'

/** Whether `fromJson` accepts a value. */
type Accepts = (type: DescMessage, json: JsonValue) => boolean

/** Each level reads its members again, so that the work for a wrong message is bounded. */
const STEPS_MAX = 4

/**
 * The field with the value that `fromJson` does not accept, because its error does not name it, or names the last step only. Empty: the whole
 * message.
 */
export function wrongFieldOf(type: DescMessage, json: JsonValue, accepts: Accepts): FieldPath {
  const path: PropertyKey[] = []
  let parent = type
  let value = json
  while (path.length < STEPS_MAX && isObject(value)) {
    const entry = Object.entries(value).find(([key, member]) => !accepts(parent, { [key]: member }))
    // Each member alone is valid: two of them exclude each other.
    if (entry === undefined) return path
    const [key, member] = entry
    const field = parent.fields.find(({ name, jsonName }) => name === key || jsonName === key)
    path.push(field?.jsonName ?? key)
    const inner = messageOf(field)
    if (field === undefined || inner === undefined) return path
    parent = inner
    value = member
    if (field.fieldKind === 'message') continue
    const index = wrongElementOf(inner, member, accepts)
    if (index === undefined) return path
    path.push(index)
    value = (member as Record<PropertyKey, JsonValue>)[index] as JsonValue
  }
  return path
}

/** The type of the messages in a field. Those of google.protobuf have a JSON form of their own. */
function messageOf(field: DescField | undefined): DescMessage | undefined {
  return field?.message?.typeName.startsWith('google.protobuf.') === false ? field.message : undefined
}

function wrongElementOf(type: DescMessage, list: JsonValue, accepts: Accepts): string | number | undefined {
  if (Array.isArray(list)) {
    const index = list.findIndex((element) => !accepts(type, element))
    return index === -1 ? undefined : index
  }
  if (!isObject(list)) return undefined
  return Object.entries(list).find(([, element]) => !accepts(type, element))?.[0]
}

function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
