import type { ApiSource } from './api-source.js'
import type { Components } from './components.js'
import { errorResponse } from './responses.js'
import type { Schema } from './subschemas.js'

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

/** The paths `/health` and `/ready`. */
export function healthPaths(source: ApiSource, components: Components): Readonly<Record<string, unknown>> {
  const schema = components.namedSchema({ root: HEALTH, definitions: new Map() }, 'Health')
  const content = { 'application/json': { schema } }
  const operation = (id: string, summary: string, description: string): unknown => ({
    get: {
      operationId: id,
      tags: [HEALTH_TAG.name],
      summary,
      description,
      security: [],
      responses: {
        200: { description: 'All services answer.', content },
        503: { description: 'A service does not answer.', content },
        429: errorResponse(429, source, components),
      },
    },
  })
  return {
    '/health': operation('health', 'Health', 'Says which services answer.'),
    '/ready': operation('ready', 'Ready', 'Says whether the server takes requests.'),
  }
}
