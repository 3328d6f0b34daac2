import type { SchemaObject } from './subschemas.js'

const CODE = {
  type: 'string',
  description: 'The reason of the error, for programs; without one, its status.',
  examples: ['USER_NOT_FOUND'],
}
const DETAILS = {
  description: 'Any JSON value. Of a message that is not valid, `fieldViolations`.',
  examples: [{}],
}
const MESSAGE = { type: 'string', description: 'For people.', examples: ['User with ID 123 not found'] }

/** The body of an error. */
export const ERROR_ENVELOPE: SchemaObject = {
  type: 'object',
  description: 'An error.',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: CODE,
        message: MESSAGE,
        details: DETAILS,
      },
      required: ['code', 'message', 'details'],
    },
  },
  required: ['error'],
}

/** The body of an error for clients that accept `application/problem+json` (RFC 9457). */
export const PROBLEM: SchemaObject = {
  type: 'object',
  description: 'An error in the form of RFC 9457.',
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer', description: 'The status of the answer.' },
    detail: MESSAGE,
    code: CODE,
    details: DETAILS,
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'details'],
}
