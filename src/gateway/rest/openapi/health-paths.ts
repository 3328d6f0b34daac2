import type { ApiSource } from './api-source.js'
import type { Components } from './components.js'
import { errorResponse } from './responses.js'
import type { Schema } from './subschemas.js'

interface Texts {
  readonly summary: string
  readonly description: string
  readonly good: string
  readonly bad: string
}

/** The tag of the operations that the gateway itself answers. */
export const HEALTH_TAG = { name: 'health', description: 'The state of the server.' }

const HEALTH: Schema = {
  type: 'object',
  properties: {
    status: { enum: ['healthy', 'unhealthy'] },
    checks: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string', description: 'The name of a service.' },
          status: { enum: ['ok', 'failed'] },
        },
        required: ['name', 'status'],
      },
    },
  },
  required: ['status', 'checks'],
}

const READY: Schema = {
  type: 'object',
  properties: { status: { enum: ['ready', 'not ready'] } },
  required: ['status'],
}

/** The paths `/health` and `/ready`. */
export function healthPaths(source: ApiSource, components: Components): Readonly<Record<string, unknown>> {
  const operation = (name: string, schema: Schema, texts: Texts): unknown => {
    const reference = components.namedSchema({ root: schema, definitions: new Map() }, name)
    const content = { 'application/json': { schema: reference } }
    return {
      get: {
        operationId: name.toLowerCase(),
        tags: [HEALTH_TAG.name],
        summary: texts.summary,
        description: texts.description,
        security: [],
        responses: {
          200: { description: texts.good, content },
          503: { description: texts.bad, content },
          414: errorResponse('414', source, components),
          default: errorResponse('default', source, components),
        },
      },
    }
  }
  return {
    '/health': operation('Health', HEALTH, {
      summary: 'Health',
      description: 'Says whether each service answers.',
      good: 'All services answer.',
      bad: 'A service does not answer.',
    }),
    '/ready': operation('Ready', READY, {
      summary: 'Ready',
      description: 'Says whether the server takes requests, and has a channel to each service.',
      good: 'The server is ready.',
      bad: 'The server is not ready.',
    }),
  }
}
