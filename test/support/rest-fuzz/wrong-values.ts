import fc from 'fast-check'
import { type Json, resolve } from './schema-values.js'

/** A value that a service must refuse, with what is wrong with it. */
export interface Wrong {
  readonly what: string
  readonly value: Json
}

/** No text is so long. */
const LONG = 'x'.repeat(2_000)

/** Values that are wrong in one place. ProtoJSON accepts some that the document does not state, such as numbers for texts; these are not made. */
export function wrongValues(
  root: Json,
  schema: Json,
  valid: fc.Arbitrary<Json>,
): fc.Arbitrary<Wrong> | undefined {
  const mutations = mutationsOf(root, schema, [], 0)
  if (mutations.length === 0) return undefined
  return fc.tuple(valid, fc.constantFrom(...mutations)).map(([value, { path, what, change }]) => ({
    what: `${what} at /${path.join('/')}`,
    value: changed(value, path, change),
  }))
}

interface Mutation {
  readonly path: readonly string[]
  readonly what: string
  /** Undefined: the property is removed. */
  readonly change: { readonly to: Json } | undefined
}

const DEPTH_MAX = 2

function mutationsOf(root: Json, schema: Json, path: readonly string[], depth: number): Mutation[] {
  const target = resolve(root, schema)
  if (typeof target !== 'object' || depth > DEPTH_MAX) return []
  const to = (what: string, value: Json): Mutation => ({ path, what, change: { to: value } })
  const types: string[] = [target.type ?? []].flat()
  const found: Mutation[] = []
  const has = (type: string): boolean => types.includes(type)
  const isKnown = types.length > 0 || target.enum !== undefined
  if (isKnown && !has('object')) found.push(to('an object', { wrong: [] }))
  if (isKnown && !has('array')) found.push(to('an array', [[]]))
  if (types.length > 0 && !has('string') && target.enum === undefined) found.push(to('a text', 'wrong'))
  if (target.enum !== undefined) found.push(to('another name', 'NO_SUCH_NAME'))
  if (has('integer')) {
    found.push(to('a fraction', 1.5))
    if (target.maximum !== undefined) found.push(to('too large', target.maximum + 1_000))
    if (target.minimum !== undefined) found.push(to('too small', target.minimum - 1_000))
  }
  if (has('string') && target.maxLength !== undefined) found.push(to('too long', LONG))
  if (has('string') && (target.minLength ?? 0) > 0) found.push(to('too short', ''))
  const isChecked = target.format === 'int64' || target.format === 'uint64' || target.format === 'date-time'
  if (isChecked || (has('string') && target.pattern?.endsWith('s$'))) found.push(to('malformed', 'wrong'))
  if (target.contentEncoding === 'base64') found.push(to('not base64', '!!!'))
  if (has('object')) found.push(...mutationsOfObject(root, target, path, depth))
  if (has('array') && !Array.isArray(target.prefixItems))
    for (const { path: _, ...inner } of mutationsOf(root, target.items, [], depth + 1))
      if (inner.change !== undefined)
        found.push({ path, what: `item: ${inner.what}`, change: { to: [inner.change.to] } })
  return found
}

function mutationsOfObject(root: Json, target: Json, path: readonly string[], depth: number): Mutation[] {
  const { properties = {}, required = [], unevaluatedProperties, additionalProperties } = target
  const isClosed = unevaluatedProperties === false || additionalProperties === false
  const found: Mutation[] = required.map((name: string) => ({
    path: [...path, name],
    what: 'missing',
    change: undefined,
  }))
  if (isClosed) found.push({ path: [...path, 'noSuchField'], what: 'an unknown field', change: { to: 1 } })
  for (const [name, property] of Object.entries(properties))
    found.push(...mutationsOf(root, property, [...path, name], depth + 1))
  return found
}

/** A copy with a change. Objects on the way are made where there are none. */
function changed(value: Json, [step, ...rest]: readonly string[], change: Mutation['change']): Json {
  if (step === undefined) return change?.to
  const parent = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  const copy = { ...parent }
  if (rest.length === 0 && change === undefined) delete copy[step]
  else copy[step] = changed(copy[step], rest, change)
  return copy
}
