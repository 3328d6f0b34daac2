import { canonicalJson } from '../../../schema/canonical-json.js'
import { definitionOf, type LocalSchema } from './local-schema.js'
import { isSchemaObject, mapSubschemas, type Schema } from './subschemas.js'

/** What OpenAPI does not allow in the name of a component. */
const FORBIDDEN = /[^A-Za-z0-9._-]/g

/** The schemas of a document, with unique names. Equal definitions with the same name are one. */
export class SchemaComponents {
  readonly #schemas = new Map<string, { readonly json: string; readonly schema: Schema }>()

  /**
   * Adds the definitions that the schema needs, and returns it with references to them.
   *
   * @param scope goes before the name of a definition whose name another one has
   */
  add({ root, definitions }: LocalSchema, scope: string): Schema {
    const needed = reachable(root, definitions)
    const names = new Map([...needed].map((name) => [name, nameOf(name)]))
    let isSettled = false
    while (!isSettled) {
      isSettled = true
      for (const name of needed) {
        const json = canonicalJson(rewrite(definitions.get(name) ?? true, names))
        const chosen = names.get(name) as string
        if (this.#isFree(chosen, json) && !isTaken(names, name, chosen)) continue
        // The definitions that refer to this one change too.
        names.set(name, this.#otherName(names, name, scope))
        isSettled = false
      }
    }
    for (const [name, chosen] of names) {
      const schema = rewrite(definitions.get(name) ?? true, names)
      this.#schemas.set(chosen, { schema, json: canonicalJson(schema) })
    }
    return rewrite(root, names)
  }

  /** Adds the schema as a component of its own, unless it is a reference, and returns a reference. */
  addNamed(schema: LocalSchema, name: string): Schema {
    const root = this.add(schema, name)
    if (!isSchemaObject(root) || '$ref' in root) return root
    const json = canonicalJson(root)
    let chosen = nameOf(name)
    for (let number = 2; !this.#isFree(chosen, json); number += 1) chosen = `${nameOf(name)}-${number}`
    this.#schemas.set(chosen, { schema: root, json })
    return { $ref: `#/components/schemas/${chosen}` }
  }

  toJSON(): Record<string, Schema> {
    const entries = [...this.#schemas].toSorted(([left], [right]) => (left < right ? -1 : 1))
    return Object.fromEntries(entries.map(([name, { schema }]) => [name, schema]))
  }

  #isFree(name: string, json: string): boolean {
    const other = this.#schemas.get(name)
    return other === undefined || other.json === json
  }

  #otherName(names: ReadonlyMap<string, string>, name: string, scope: string): string {
    const scoped = nameOf(`${scope}.${name}`)
    const isUsed = (candidate: string): boolean =>
      this.#schemas.has(candidate) || [...names.values()].includes(candidate)
    let candidate = scoped
    for (let number = 2; isUsed(candidate); number += 1) candidate = `${scoped}-${number}`
    return candidate
  }
}

function isTaken(names: ReadonlyMap<string, string>, name: string, chosen: string): boolean {
  const [first] = [...names].find(([, other]) => other === chosen) as [string, string]
  return first !== name
}

function nameOf(text: string): string {
  return text.replace(FORBIDDEN, '_')
}

/** The names of the definitions that the schema needs. */
function reachable(root: Schema, definitions: ReadonlyMap<string, Schema>): Set<string> {
  const found = new Set<string>()
  const visit = (schema: Schema): Schema => {
    if (!isSchemaObject(schema)) return schema
    if (typeof schema.$ref === 'string') found.add(definitionOf(schema.$ref).name)
    return mapSubschemas(schema, visit)
  }
  visit(root)
  // The loop also visits what it adds.
  for (const name of found) visit(definitions.get(name) ?? true)
  return found
}

function rewrite(schema: Schema, names: ReadonlyMap<string, string>): Schema {
  if (!isSchemaObject(schema)) return schema
  const copy = mapSubschemas(schema, (child) => rewrite(child, names))
  if (typeof copy.$ref !== 'string') return copy
  const { name, rest } = definitionOf(copy.$ref)
  return { ...copy, $ref: `#/components/schemas/${names.get(name)}${rest}` }
}
