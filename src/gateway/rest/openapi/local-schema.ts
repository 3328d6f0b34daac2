import { misuse, show } from '../../../options.js'
import { isSchemaObject, mapSubschemas, type Schema, type SchemaObject } from './subschemas.js'

/** A schema whose references all begin with `#/$defs/`. */
export interface LocalSchema {
  readonly root: Schema
  readonly definitions: ReadonlyMap<string, Schema>
}

/** The base of identifiers. No document has this address. */
const BASE = 'schema:/root'
/** Their meaning is in the references that they resolve. */
const IDENTIFIERS = ['$anchor', '$dynamicAnchor', '$id', '$recursiveAnchor', '$schema']

/**
 * Rewrites a JSON Schema of any draft that a contract can have, so that it can become a part of a larger document.
 *
 * @param name of the definition for the root, which exists only if a reference needs it
 * @throws `INVALID_ARGUMENT` for a reference to nothing
 */
export function localSchema(schema: SchemaObject, name: string, place: string): LocalSchema {
  const modern = modernize(schema) as SchemaObject
  const pointers = new Map<string, string>()
  collect(modern, BASE, '', pointers)
  const taken = Object.keys(modern.$defs ?? {})
  const rootName = taken.includes(name) ? `${name}.Root` : name
  let usesRoot = false
  const rewrite = (part: SchemaObject, base: string): SchemaObject => {
    const own = baseOf(part, base)
    const { $ref, ...rest } = part
    const copy = mapSubschemas(rest, (child) => rewrite(child, own))
    for (const keyword of IDENTIFIERS) delete (copy as Record<string, unknown>)[keyword]
    // It says the same, and some readers ask for it.
    if (copy.type === 'array' && copy.items === undefined) Object.assign(copy, { items: {} })
    if (typeof $ref !== 'string') return copy
    const pointer = pointerOf($ref, own, pointers)
    if (pointer === undefined)
      throw misuse(`${place} refers to ${show($ref)}, which it does not contain; use $defs`)
    const isDefinition = /^\/\$defs\/[^/]/.test(pointer)
    if (!isDefinition) usesRoot = true
    return { $ref: isDefinition ? `#${pointer}` : `#/$defs/${escapeStep(rootName)}${pointer}`, ...copy }
  }
  const { $defs, ...root } = rewrite(modern, BASE)
  const definitions = new Map(Object.entries(($defs ?? {}) as Record<string, Schema>))
  if (!usesRoot) return { root, definitions }
  definitions.set(rootName, root)
  return { root: { $ref: `#/$defs/${escapeStep(rootName)}` }, definitions }
}

/** The definition that a reference of a local schema names, and the pointer within it. */
export function definitionOf($ref: string): { readonly name: string; readonly rest: string } {
  const [, , name = '', ...rest] = $ref.split('/')
  return { name: unescapeStep(name), rest: rest.map((step) => `/${step}`).join('') }
}

/** The schema that a reference of a local schema names. */
export function resolveReference($ref: string, definitions: ReadonlyMap<string, Schema>): Schema {
  const { name, rest } = definitionOf($ref)
  let found: unknown = definitions.get(name)
  for (const step of rest.split('/').slice(1))
    found = (found as Readonly<Record<string, unknown>> | undefined)?.[unescapeStep(step)]
  return found as Schema
}

function escapeStep(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')).replaceAll('%24', '$')
}

function unescapeStep(step: string): string {
  return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
}

/** The keywords of draft-07 and draft 2019-09 in their form of draft 2020-12. */
function modernize(schema: Schema): Schema {
  if (!isSchemaObject(schema)) return schema
  const copy: Record<string, unknown> = { ...mapSubschemas(schema, modernize) }
  const { definitions, items, additionalItems, dependencies, $recursiveRef, $dynamicRef } = copy
  for (const old of ['definitions', 'additionalItems', 'dependencies', '$recursiveRef', '$dynamicRef'])
    delete copy[old]
  if (definitions !== undefined)
    copy.$defs = { ...(definitions as SchemaObject), ...(copy.$defs as SchemaObject | undefined) }
  if (Array.isArray(items)) {
    copy.prefixItems = items
    if (additionalItems === undefined) delete copy.items
    else copy.items = additionalItems
  }
  if (isSchemaObject(dependencies)) Object.assign(copy, splitDependencies(dependencies))
  // One schema has one scope, in which a dynamic reference is a static one.
  copy.$ref ??= $recursiveRef ?? $dynamicRef
  if (copy.$ref === undefined) delete copy.$ref
  else if (typeof copy.$ref === 'string') copy.$ref = copy.$ref.replace(/^#\/definitions\//, '#/$defs/')
  return copy
}

function splitDependencies(dependencies: SchemaObject): SchemaObject {
  const entries = Object.entries(dependencies)
  return {
    dependentRequired: Object.fromEntries(entries.filter(([, value]) => Array.isArray(value))),
    dependentSchemas: Object.fromEntries(entries.filter(([, value]) => !Array.isArray(value))),
  }
}

/** Finds the JSON pointers of all schemas that have an identifier, and of the root. */
function collect(schema: SchemaObject, base: string, pointer: string, pointers: Map<string, string>): void {
  const own = baseOf(schema, base)
  if (pointer === '' || own !== base) pointers.set(own, pointer)
  // The root is also reached by its own address if it has another identifier.
  if (pointer === '') pointers.set(BASE, pointer)
  for (const keyword of ['$anchor', '$dynamicAnchor'])
    if (typeof schema[keyword] === 'string') pointers.set(`${own}#${schema[keyword]}`, pointer)
  mapSubschemas(schema, (child, steps) => {
    collect(child, own, `${pointer}${steps.map((step) => `/${escapeStep(step)}`).join('')}`, pointers)
    return child
  })
}

function baseOf({ $id }: SchemaObject, base: string): string {
  return typeof $id === 'string' ? new URL($id, base).href.replace(/#.*$/, '') : base
}

function pointerOf($ref: string, base: string, pointers: ReadonlyMap<string, string>): string | undefined {
  const address = new URL($ref, base).href
  const [resource = '', fragment = ''] = address.split('#')
  if (fragment !== '' && !fragment.startsWith('/')) return pointers.get(address)
  const start = pointers.get(resource)
  return start === undefined ? undefined : `${start}${fragment}`
}
