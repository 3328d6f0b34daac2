import type { ApiSource } from './api-source.js'
import type { Components, Reference } from './components.js'
import { ERROR_ENVELOPE, PROBLEM } from './error-schemas.js'
import type { LocalSchema } from './local-schema.js'
import { fieldAt, jsonPathOf, messageSchema } from './message-fields.js'
import { type Route, takesKey } from './parameters.js'
import type { Schema } from './subschemas.js'

/** A Response Object, or a reference to one. */
type Response = Reference | Readonly<Record<string, unknown>>
type Responses = Readonly<Record<string, Response>>

interface ErrorResponse {
  readonly name: string
  readonly description: string
  /** Whether the answer can say when the client may come again. */
  readonly retryAfter?: true
  readonly challenge?: true
}

/** The statuses of errors that any call can have, and those of the gateway. */
const ERRORS: Readonly<Record<string, ErrorResponse>> = {
  400: { name: 'BadRequest', description: 'The request is not valid, or not possible now.' },
  401: { name: 'Unauthorized', description: 'The credentials are missing or wrong.', challenge: true },
  403: { name: 'Forbidden', description: 'The caller may not do this.' },
  404: { name: 'NotFound', description: 'There is no such thing.' },
  406: { name: 'NotAcceptable', description: 'The answer has none of the forms that the client accepts.' },
  409: { name: 'Conflict', description: 'Another request has changed or is changing the same thing.' },
  414: { name: 'UriTooLong', description: 'The path and the query are too long.' },
  413: { name: 'ContentTooLarge', description: 'The body is too long.' },
  415: { name: 'UnsupportedMediaType', description: 'The body is not JSON.' },
  422: { name: 'KeyReused', description: 'Another request had the same idempotency key.' },
  429: { name: 'TooManyRequests', description: 'The client has reached a limit.', retryAfter: true },
  499: { name: 'Cancelled', description: 'The call was cancelled.' },
  500: { name: 'InternalError', description: 'The service has failed.' },
  501: { name: 'NotImplemented', description: 'The service cannot do this.' },
  503: {
    name: 'Unavailable',
    description: 'The service is not there. The request can be repeated.',
    retryAfter: true,
  },
  504: { name: 'Timeout', description: 'The service did not answer in time.' },
  default: { name: 'OtherError', description: 'The server does not take the request.' },
}
const OF_BODIES = ['413', '415']
const OF_KEYS = ['422']

/** All responses of a route. */
export function responsesOf(route: Route, source: ApiSource, components: Components): Responses {
  const { named, binding } = route
  const statuses = Object.keys(ERRORS)
    .filter((status) => binding.body !== '' || !OF_BODIES.includes(status))
    .filter((status) => takesKey(binding, named, source) || !OF_KEYS.includes(status))
  const errors = statuses.map((status) => [status, errorResponse(status, source, components)])
  return { ...successResponses(route, source, components), ...Object.fromEntries(errors) }
}

/** A reference to the response for an error with this status. */
export function errorResponse(status: string, source: ApiSource, components: Components): Reference {
  const { name, description, retryAfter, challenge } = ERRORS[status] as ErrorResponse
  return components.own('responses', name, () => ({
    description,
    headers: {
      ...commonHeaders(source, components),
      ...(retryAfter === true && { 'retry-after': header('RetryAfter', RETRY_AFTER, components) }),
      ...(challenge === true && { 'www-authenticate': header('Challenge', CHALLENGE, components) }),
    },
    content: errorContent(source, components),
  }))
}

function errorContent({ errors }: ApiSource, components: Components): Readonly<Record<string, unknown>> {
  const own = (schema: Schema, name: string): { schema: Schema } => ({
    schema: components.namedSchema({ root: schema, definitions: new Map() }, name),
  })
  const problem = { 'application/problem+json': own(PROBLEM, 'Problem') }
  return errors === 'problem'
    ? problem
    : { 'application/json': own(ERROR_ENVELOPE, 'ErrorEnvelope'), ...problem }
}

function successResponses(route: Route, source: ApiSource, components: Components): Responses {
  const { named, binding, scope } = route
  const { service, name, method } = named
  const headers = {
    ...commonHeaders(source, components),
    ...(takesKey(binding, named, source) && {
      'idempotency-replayed': header('IdempotencyReplayed', IDEMPOTENCY_REPLAYED, components),
    }),
  }
  if (method.output.empty && method.kind === 'unary' && !source.hasEnvelope)
    return { 204: { description: 'The call has succeeded.', headers } }
  const output = method.output.empty ? NOTHING : messageSchema(method, 'output', `${service}.${name}`)
  const field = binding.responseBody
  const root = field === '' ? output.root : fieldOfAnswer(output, route)
  const message = components.namedSchema(
    { root, definitions: output.definitions },
    `${scope}.${field === '' ? 'Response' : field}`,
  )
  if (method.kind === 'serverStream') return { 200: streamResponse(message, source, components) }
  const schema = source.hasEnvelope ? successEnvelope(message) : message
  const success = {
    description: 'The call has succeeded.',
    headers: {
      ...headers,
      ...(binding.method === 'GET' && {
        etag: header('ETag', ETAG, components),
        'cache-control': header('CacheControl', CACHE_CONTROL, components),
      }),
    },
    ...(binding.method !== 'HEAD' && { content: { 'application/json': { schema } } }),
  }
  if (binding.method !== 'GET') return { 200: success }
  return {
    200: success,
    304: components.own('responses', 'NotModified', () => notModified(source, components)),
  }
}

/** A field that is not set is null. */
function fieldOfAnswer(output: LocalSchema, { named, binding }: Route): Schema {
  const { schema, isRequired } = fieldAt(output, jsonPathOf(binding.responseBody, named.method, 'output'))
  return isRequired ? schema : { anyOf: [schema, { type: 'null' }] }
}

function notModified(source: ApiSource, components: Components): Readonly<Record<string, unknown>> {
  return {
    description: 'The client has the current answer already.',
    headers: { ...commonHeaders(source, components), etag: header('ETag', ETAG, components) },
  }
}

function successEnvelope(data: Schema): Schema {
  return {
    type: 'object',
    properties: {
      data,
      meta: {
        type: 'object',
        properties: {
          timestamp: { type: 'string', format: 'date-time' },
          version: { type: 'string', description: 'The version of the API.' },
        },
        required: ['timestamp', 'version'],
      },
    },
    required: ['data', 'meta'],
  }
}

/** OpenAPI 3.1 has no schema for one item of a stream; `x-itemSchema` is `itemSchema` of OpenAPI 3.2. */
function streamResponse(item: Schema, source: ApiSource, components: Components) {
  return {
    description:
      'The messages of the service, in the form that the client accepts; without a choice, an array.',
    headers: commonHeaders(source, components),
    content: {
      'application/json': { schema: { type: 'array', items: item } },
      'application/x-ndjson': {
        schema: { type: 'string', description: 'One message in each line. The last line can be an error.' },
        'x-itemSchema': item,
      },
      'text/event-stream': {
        schema: {
          type: 'string',
          description:
            'Server-sent events. `data` is a message, and `id` a place from which a later request can continue. A stream that fails ends with an event `error`.',
        },
        'x-itemSchema': item,
      },
    },
  }
}

function commonHeaders(source: ApiSource, components: Components): Readonly<Record<string, Reference>> {
  return {
    'x-correlation-id': header('CorrelationId', CORRELATION_ID, components),
    ...(source.hasRateLimits && {
      ratelimit: header('RateLimit', RATE_LIMIT, components),
      'ratelimit-policy': header('RateLimitPolicy', RATE_LIMIT_POLICY, components),
    }),
  }
}

function header(name: string, value: unknown, components: Components): Reference {
  return components.own('headers', name, () => value)
}

const NOTHING: LocalSchema = { root: { type: 'null' }, definitions: new Map() }
const TEXT = { type: 'string' }
const CORRELATION_ID = { description: 'The name of the request in logs.', schema: TEXT }
const RETRY_AFTER = {
  description: 'Seconds until the client may repeat the request.',
  schema: { type: 'integer', minimum: 0 },
}
const CHALLENGE = { description: 'The credentials that the server takes.', schema: TEXT }
const ETAG = { description: 'The version of the answer, for `if-none-match`.', schema: TEXT }
const CACHE_CONTROL = { description: 'How long the answer may be kept.', schema: TEXT }
const IDEMPOTENCY_REPLAYED = {
  description: 'The answer is that of the first request with this key.',
  schema: { type: 'string', enum: ['true'] },
}
const RATE_LIMIT = {
  description: 'What is left of the limits: draft-ietf-httpapi-ratelimit-headers.',
  schema: TEXT,
}
const RATE_LIMIT_POLICY = {
  description: 'The limits: draft-ietf-httpapi-ratelimit-headers.',
  schema: TEXT,
}
