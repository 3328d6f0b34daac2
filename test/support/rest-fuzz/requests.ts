import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import type { FuzzedOperation, FuzzedParameter } from './operations.js'
import { type Json, resolve, SchemaValues } from './schema-values.js'
import { wrongValues } from './wrong-values.js'

/** A request with the outcome that the document promises. */
export interface FuzzedRequest {
  readonly what: string
  /** `valid`: it succeeds. `refused`: 4xx. `unauthenticated`: 401. */
  readonly expected: 'valid' | 'refused' | 'unauthenticated'
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** The parts of a request before they become text. */
interface Parts {
  readonly parameters: ReadonlyMap<FuzzedParameter, Json>
  readonly body: Json
}

const TOKEN = { authorization: 'Bearer good' }
const ACCEPTS = [
  'application/json',
  'application/problem+json',
  '*/*',
  'text/event-stream',
  'application/x-ndjson',
]

/** Validates parts of one document. */
export class DocumentSchemas {
  readonly document: Json
  readonly #ajv: Ajv2020

  constructor(document: Json) {
    this.document = document
    this.#ajv = new Ajv2020({ strict: false, validateFormats: false })
    this.#ajv.addSchema(document, 'doc:')
  }

  /** Undefined: the value is valid. */
  fault(schema: Json, value: Json): string | undefined {
    const validate = this.#compiled(schema)
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors)
  }

  #compiled(schema: Json) {
    let validate = this.#cache.get(schema)
    if (validate === undefined) {
      validate = this.#ajv.compile(withBase(schema))
      this.#cache.set(schema, validate)
    }
    return validate
  }
  readonly #cache = new Map<Json, ReturnType<Ajv2020['compile']>>()
}

/** References of a part of the document are relative to the document. */
function withBase(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(withBase)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withBase(value)]))
  if (typeof schema.$ref === 'string') copy.$ref = `doc:${schema.$ref}`
  return copy
}

/** Requests for one operation: half of them valid. */
export function requestsFor(
  operation: FuzzedOperation,
  schemas: DocumentSchemas,
): fc.Arbitrary<FuzzedRequest> {
  const values = new SchemaValues(schemas.document)
  const valid = (schema: Json): fc.Arbitrary<Json> =>
    values.valid(schema).filter((value) => schemas.fault(schema, value) === undefined)
  const parts = validParts(operation, valid)
  const good = parts.map((one) => requestOf(operation, one, 'valid', 'valid'))
  // The gateway does not read the parameters of its own operations.
  const bad =
    operation.responses['400'] === undefined
      ? []
      : [
          ...wrongParameters(schemas.document, operation, parts),
          ...wrongBodies(operation, parts, schemas, valid),
        ]
  const unauthenticated = fc
    .tuple(
      parts,
      fc.constantFrom({}, { authorization: 'Bearer bad' }, { authorization: 'Basic Zm9vOmJhcg==' }),
    )
    .map(([one, headers]): FuzzedRequest => {
      const { authorization: _, ...rest } = requestOf(operation, one, '', 'valid').headers
      return {
        ...requestOf(operation, one, 'no valid token', 'unauthenticated'),
        headers: { ...rest, ...headers },
      }
    })
  return fc.oneof(
    { arbitrary: good, weight: 5 },
    ...(bad.length > 0 ? [{ arbitrary: fc.oneof(...bad), weight: 4 }] : []),
    ...(operation.isSecured ? [{ arbitrary: unauthenticated, weight: 1 }] : []),
  )
}

function validParts(
  { parameters, body, isBodyRequired }: FuzzedOperation,
  valid: (schema: Json) => fc.Arbitrary<Json>,
): fc.Arbitrary<Parts> {
  const own = parameters.filter((parameter) => parameter.in !== 'header')
  const each = own.map((parameter) => {
    const value = valid(parameter.schema).filter((one) => canBeText(parameter, one))
    return parameter.required ? value : fc.option(value, { nil: undefined })
  })
  const bodies = body === undefined ? fc.constant(undefined) : valid(body)
  return fc
    .tuple(fc.tuple(...each), isBodyRequired ? bodies : fc.option(bodies, { nil: undefined }))
    .map(([texts, content]) => ({
      parameters: new Map(own.map((parameter, index) => [parameter, texts[index]])),
      body: content,
    }))
}

/** A path has no empty segment, and no segment `.` or `..`; a query has no null, and cannot have an empty list. */
function canBeText({ in: place }: FuzzedParameter, value: Json): boolean {
  if (value === null || (Array.isArray(value) && value.length === 0)) return false
  const text = String(value)
  if (!text.isWellFormed()) return false
  return place !== 'path' || !text.split('/').some((segment) => ['', '.', '..'].includes(segment))
}

function* wrongParameters(
  document: Json,
  operation: FuzzedOperation,
  parts: fc.Arbitrary<Parts>,
): Generator<fc.Arbitrary<FuzzedRequest>> {
  const refused = (what: string, change: (request: FuzzedRequest) => FuzzedRequest) =>
    parts.map((one) => change(requestOf(operation, one, what, 'refused')))
  yield refused('an unknown parameter', (request) => ({
    ...request,
    target: added(request.target, 'no.such=1'),
  }))
  yield refused('a wrong percent-encoding', (request) => ({
    ...request,
    target: added(request.target, 'a=%ff'),
  }))
  for (const parameter of operation.parameters) {
    const { type } = parameter.schema
    for (const [what, value] of wrongTexts(resolve(document, parameter.schema)))
      yield parts.map(({ parameters, body }) =>
        requestOf(
          operation,
          { parameters: new Map(parameters).set(parameter, value), body },
          `${parameter.name} ${what}`,
          'refused',
        ),
      )
    if (parameter.in === 'query' && type !== 'array')
      yield refused(`${parameter.name} twice`, (request) => {
        const pair = `${encodeURIComponent(parameter.name)}=1`
        return { ...request, target: added(added(request.target, pair), pair) }
      })
    if (parameter.in === 'query' && parameter.required)
      yield parts.map(({ parameters, body }) =>
        requestOf(
          operation,
          { parameters: new Map(parameters).set(parameter, undefined), body },
          `no ${parameter.name}`,
          'refused',
        ),
      )
    if (parameter.in === 'header' && parameter.required)
      yield refused(`no ${parameter.name}`, ({ headers, ...request }) => ({
        ...request,
        headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== parameter.name)),
      }))
  }
}

/** Texts of a parameter that are wrong for its schema. */
function wrongTexts({
  type,
  format,
  maximum,
  minimum,
  enum: names,
  items,
}: Json): [what: string, value: Json][] {
  if (type === 'array') return wrongTexts(items).map(([what, value]) => [`has an item that ${what}`, [value]])
  const found: [string, Json][] = []
  const isNumber = type === 'integer' || format === 'int64' || format === 'uint64'
  if (isNumber || type === 'boolean') found.push(['is a word', 'wrong'])
  if (isNumber) found.push(['is a fraction', 1.5])
  if (maximum !== undefined) found.push(['is too large', maximum + 1_000])
  if (minimum !== undefined) found.push(['is too small', minimum - 1_000])
  if (names !== undefined) found.push(['has another name', 'NO_SUCH_NAME'])
  return found
}

function* wrongBodies(
  operation: FuzzedOperation,
  parts: fc.Arbitrary<Parts>,
  schemas: DocumentSchemas,
  valid: (schema: Json) => fc.Arbitrary<Json>,
): Generator<fc.Arbitrary<FuzzedRequest>> {
  const raw = (what: string, body: string | undefined, type = 'application/json') =>
    parts.map((one) => {
      const request = requestOf(operation, one, what, 'refused')
      return { ...request, body, headers: { ...request.headers, 'content-type': type } }
    })
  if (operation.body === undefined) {
    if (operation.method !== 'GET') yield raw('a body', '{}')
    return
  }
  const wrong = wrongValues(schemas.document, operation.body, valid(operation.body))
  if (wrong !== undefined)
    yield fc
      .tuple(parts, wrong)
      .filter(([, { value }]) => schemas.fault(operation.body, value) !== undefined)
      .map(([{ parameters }, { what, value }]) =>
        requestOf(operation, { parameters, body: value }, what, 'refused'),
      )
  yield raw('not JSON', '{"a":')
  yield raw('too deep', `${'['.repeat(200)}${']'.repeat(200)}`)
  yield raw('another type', 'a: 1', 'text/yaml')
  if (operation.isBodyRequired) yield raw('no body', undefined)
}

function requestOf(
  operation: FuzzedOperation,
  { parameters, body }: Parts,
  what: string,
  expected: FuzzedRequest['expected'],
): FuzzedRequest {
  const query: string[] = []
  let path = operation.path
  for (const [{ name, in: place, schema }, value] of parameters) {
    if (value === undefined) continue
    const values = [value].flat().map((one: Json) => encodeURIComponent(String(one)))
    // The rest of a path has slashes.
    if (place === 'path')
      path = path.replace(`{${name}}`, () =>
        schema.pattern === '^.*$' ? values.join().replaceAll('%2F', '/') : values.join(),
      )
    else for (const one of values) query.push(`${encodeURIComponent(name)}=${one}`)
  }
  // The same request has the same headers.
  const number = Buffer.from(`${path}${JSON.stringify(body)}`).reduce((sum, byte) => sum + byte, 0)
  const accept = ACCEPTS[number % ACCEPTS.length] as string
  const needsKey = operation.parameters.some(({ name, required }) => name === 'idempotency-key' && required)
  return {
    what,
    expected,
    method: operation.method,
    target: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: {
      ...TOKEN,
      accept,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(needsKey && { 'idempotency-key': `"${crypto.randomUUID()}"` }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  }
}

function added(target: string, pair: string): string {
  return `${target}${target.includes('?') ? '&' : '?'}${pair}`
}
