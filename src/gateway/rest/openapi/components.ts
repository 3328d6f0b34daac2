import type { LocalSchema } from './local-schema.js'
import { SchemaComponents } from './schema-components.js'
import type { Schema } from './subschemas.js'

/** The sections with parts that the gateway itself defines. */
type Section = 'headers' | 'parameters' | 'responses'

/** An object that refers to a component. */
export interface Reference {
  readonly $ref: string
}

/** The components of a document: only those that something refers to. */
export class Components {
  readonly #schemas = new SchemaComponents()
  readonly #own = new Map<string, unknown>()

  /** See `SchemaComponents.add`. */
  schema(schema: LocalSchema, scope: string): Schema {
    return this.#schemas.add(schema, scope)
  }

  /** See `SchemaComponents.addNamed`. */
  namedSchema(schema: LocalSchema, name: string): Schema {
    return this.#schemas.addNamed(schema, name)
  }

  /** Refers to a part of the gateway's own, which is made when something refers to it first. */
  own(section: Section, name: string, make: () => unknown): Reference {
    const place = `${section}/${name}`
    if (!this.#own.has(place)) {
      this.#own.set(place, make())
    }
    return { $ref: `#/components/${place}` }
  }

  toJSON(): Record<string, unknown> {
    const sections: Record<string, Record<string, unknown>> = { schemas: this.#schemas.toJSON() }
    const places = [...this.#own].toSorted(([left], [right]) => (left < right ? -1 : 1))
    for (const [place, value] of places) {
      const [section = '', name = ''] = place.split('/')
      sections[section] = { ...sections[section], [name]: value }
    }
    return sections
  }
}
