import type { Convert, MessageWalk } from './message-walk.js'

/** A google.protobuf.Struct in the form that protobuf-es uses for fields. */
export const jsonObjectConvert: Convert = (value, walk) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return walk.fail('must be an object of JSON')
  return jsonValue(value, walk)
}

function jsonValue(value: unknown, walk: MessageWalk): unknown {
  if (typeof value === 'string') return value.isWellFormed() ? value : walk.fail('has a lone surrogate')
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return value
  if (typeof value !== 'object') return walk.fail('must be a value of JSON')
  // `Array.from` also visits the holes of an array.
  return walk.nested(() =>
    Array.isArray(value)
      ? Array.from(value as unknown[], (element, index) => walk.at(index, jsonValue, element))
      : Object.fromEntries(
          Object.entries(value).map(([key, member]) => [key, walk.at(key, jsonValue, member)]),
        ),
  )
}
