import type { HttpBinding } from '../../../service/contract/http-binding.js'
import type { ApiSource, NamedMethod } from './api-source.js'
import type { Components, Reference } from './components.js'
import type { LocalSchema } from './local-schema.js'
import { fieldAt, jsonPathOf, queryFields, withoutFields } from './message-fields.js'
import type { OpenApiPath } from './path-names.js'
import { isSchemaObject, type Schema } from './subschemas.js'

/** A Parameter Object, or a reference to one. */
type Parameter = Reference | Readonly<Record<string, unknown>>

/** A method with one of its routes. */
export interface Route {
  readonly named: NamedMethod
  readonly binding: HttpBinding
  readonly path: OpenApiPath
  readonly input: LocalSchema
  /** The name of the component for the first message. */
  readonly scope: string
}

/** The parameters of the path, the query and the headers. */
export function parametersOf(route: Route, source: ApiSource, components: Components): Parameter[] {
  return [
    ...pathParameters(route, components),
    ...queryParameters(route, components),
    ...headerParameters(route, source, components),
  ]
}

function pathParameters({ named, path, input, scope }: Route, components: Components): Parameter[] {
  return path.parameters.map(({ name, variable, isWhole, isRest, pattern }) => {
    const required = { name, in: 'path', required: true }
    if (variable === undefined) return { ...required, schema: { type: 'string' } }
    const { schema } = fieldAt(input, jsonPathOf(variable.field, named.method, 'input'))
    const whole = components.schema({ root: schema, definitions: input.definitions }, scope)
    if (isWhole && !isRest) {
      const description = name === variable.field ? undefined : `The field \`${variable.field}\`.`
      return { ...required, ...(description !== undefined && { description }), ...split(forPath(whole)) }
    }
    const text = `The field \`${variable.field}\` is \`${pattern}\`.`
    const description = isRest ? `${text} The value can have slashes, which are not encoded.` : text
    // A slash separates segments, so that the rest of a path is the only value with slashes.
    return { ...required, description, schema: { type: 'string', pattern: isRest ? '^.*$' : '^[^/]+$' } }
  })
}

/** An empty segment is not a value. */
function forPath(schema: Schema): Schema {
  if (!isSchemaObject(schema) || schema.type !== 'string' || schema.minLength !== undefined) return schema
  const isOther = ['pattern', 'enum', 'format', 'const'].some((keyword) => keyword in schema)
  return isOther ? schema : { ...schema, minLength: 1 }
}

/** The description and the deprecation of a field are those of the parameter. */
function split(schema: Schema): Readonly<Record<string, unknown>> {
  if (!isSchemaObject(schema)) return { schema }
  const { description, deprecated, ...rest } = schema
  return {
    ...(description !== undefined && { description }),
    ...(deprecated === true && { deprecated }),
    schema: rest,
  }
}

function queryParameters(route: Route, components: Components): Parameter[] {
  const { binding, input, scope } = route
  if (binding.body === '*') return []
  const rest = withoutFields(input, pathsInUse(route))
  return queryFields(rest).map(({ name, schema, isRequired }) => ({
    name,
    in: 'query',
    ...(isRequired && { required: true }),
    ...split(components.schema({ root: schema, definitions: input.definitions }, scope)),
  }))
}

/** The fields that the path has. */
export function pathsInPath({ named, binding }: Route): string[][] {
  return binding.template.variables.map(({ field }) => jsonPathOf(field, named.method, 'input'))
}

function pathsInUse(route: Route): string[][] {
  const { named, binding } = route
  const inPath = pathsInPath(route)
  const inBody = binding.body === '' || binding.body === '*' ? [] : [binding.body]
  return [...inPath, ...inBody.map((field) => jsonPathOf(field, named.method, 'input'))]
}

function headerParameters({ named, binding }: Route, source: ApiSource, components: Components): Parameter[] {
  const { service, name, method } = named
  const parameters = [components.own('parameters', 'CorrelationId', () => CORRELATION_ID)]
  if (method.kind === 'serverStream')
    parameters.push(components.own('parameters', 'LastEventId', () => LAST_EVENT_ID))
  else if (binding.method === 'GET')
    parameters.push(components.own('parameters', 'IfNoneMatch', () => IF_NONE_MATCH))
  if (takesKey(binding, named, source)) {
    const isRequired = source.idempotency?.isRequired(service, name) === true
    const component = isRequired ? 'RequiredIdempotencyKey' : 'IdempotencyKey'
    parameters.push(components.own('parameters', component, () => idempotencyKey(isRequired)))
  }
  return parameters
}

/** Whether the gateway remembers the keys of such requests. */
export function takesKey({ method }: HttpBinding, named: NamedMethod, { idempotency }: ApiSource): boolean {
  const isSafe = method === 'GET' || method === 'HEAD'
  return idempotency !== undefined && named.method.kind === 'unary' && !isSafe
}

const CORRELATION_ID = {
  name: 'x-correlation-id',
  in: 'header',
  description: 'A name for the request in logs. The answer has the same one, or a new one.',
  schema: { type: 'string' },
}

const IF_NONE_MATCH = {
  name: 'if-none-match',
  in: 'header',
  description: 'The `etag` of an earlier answer. If nothing has changed, the answer is 304.',
  schema: { type: 'string' },
}

const LAST_EVENT_ID = {
  name: 'last-event-id',
  in: 'header',
  description: 'Continues the stream behind the event with this `id`, if the service can.',
  schema: { type: 'string' },
}

function idempotencyKey(required: boolean): Readonly<Record<string, unknown>> {
  return {
    name: 'idempotency-key',
    in: 'header',
    ...(required && { required }),
    // An example would be filled in by pages, for all requests.
    description:
      'A new UUID for each operation, such as `8e03978e-40d5-43dd-bc93-6894a57f9324`. A repeated request with the same key gets the first answer.',
    schema: { type: 'string', pattern: '^(?:[A-Za-z0-9_.:~+/=-]{1,255}|"[ -~]{1,255}")$' },
  }
}
