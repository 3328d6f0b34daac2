import type { HttpBinding } from '../../../service/contract/http-binding.js'
import type { ApiSource, NamedMethod } from './api-source.js'
import type { Components } from './components.js'
import {
  fieldAt,
  isProtoMethod,
  jsonPathOf,
  messageSchema,
  needsBody,
  withoutFields,
} from './message-fields.js'
import { parametersOf, pathsInPath, type Route } from './parameters.js'
import { type OpenApiPath, openApiPath } from './path-names.js'
import { responsesOf } from './responses.js'
import { grantsText, securityOf } from './security.js'
import { isSchemaObject, type Schema } from './subschemas.js'

/** An Operation Object with its place. */
export interface Operation {
  readonly path: string
  /** In lower case. */
  readonly httpMethod: string
  readonly value: Readonly<Record<string, unknown>>
}

/** The operation of a method for one of its routes. */
export function operationOf(
  named: NamedMethod,
  binding: HttpBinding,
  source: ApiSource,
  context: {
    readonly components: Components
    readonly schemes: ReadonlyMap<string, unknown>
    readonly id: string
  },
): Operation {
  const { components, schemes, id } = context
  const { service, name, method } = named
  const scope = `${service}.${name}`
  const path: OpenApiPath = openApiPath(binding)
  const route: Route = { named, binding, path, input: messageSchema(method, 'input', scope), scope }
  const requestBody = requestBodyOf(route, source, components)
  return {
    path: path.path,
    httpMethod: binding.method.toLowerCase(),
    value: {
      operationId: id,
      tags: [service],
      ...textsOf(named, grantsText(source, named)),
      ...(method.deprecated === true && { deprecated: true }),
      security: securityOf(source, named, schemes),
      parameters: parametersOf(route, source, components),
      ...(requestBody !== undefined && { requestBody }),
      responses: responsesOf(route, source, components),
    },
  }
}

/** The first sentence is the summary. */
function textsOf(
  named: NamedMethod,
  grants: string,
): { readonly summary: string; readonly description: string } {
  const {
    service,
    name,
    method: { description = '' },
  } = named
  const [first = ''] = description.split(/(?<=[.!?])\s|\n\n/)
  const summary = first.replaceAll(/\s+/g, ' ').replace(/\.$/, '').trim()
  return {
    summary: summary === '' ? wordsOf(name) : summary,
    description: [description === '' ? `Calls \`${service}/${name}\`.` : description, grants]
      .join('\n\n')
      .trim(),
  }
}

/** `getUser` becomes `Get user`. */
function wordsOf(name: string): string {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .trim()
    .toLowerCase()
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}

function requestBodyOf(route: Route, source: ApiSource, components: Components): unknown {
  const { named, binding, input, scope } = route
  const { body } = binding
  if (body === '' || named.method.input.empty) return undefined
  const { definitions } = input
  const isWhole = body === '*'
  const inPath = pathsInPath(route)
  const bodyPath = isWhole ? [] : jsonPathOf(body, named.method, 'input')
  const inBody = inPath.filter((path) => bodyPath.every((step, index) => path[index] === step))
  const { schema: field, isRequired } = fieldAt(input, bodyPath)
  const local = withoutFields(
    { root: field, definitions },
    inBody.map((path) => path.slice(bodyPath.length)),
  )
  const name = `${scope}.${isWhole ? 'Request' : body}`
  const schema = components.namedSchema(local, name)
  return {
    ...((isWhole ? needsBody(local) : isRequired) && { required: true }),
    content: { 'application/json': { schema: strict(schema, route, source) } },
  }
}

/** The gateway refuses fields that a message of a `.proto` file does not have. Answers of a newer service can have more. */
function strict(schema: Schema, { named }: Route, { refusesUnknownFields }: ApiSource): Schema {
  const isStrict = refusesUnknownFields && isProtoMethod(named.method) && isSchemaObject(schema)
  return isStrict && '$ref' in schema ? { ...schema, unevaluatedProperties: false } : schema
}
