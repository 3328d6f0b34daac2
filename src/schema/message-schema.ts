import { invalid } from '../options.js'
import type { MessagePlace } from './field-violations.js'
import { isPlainObject, jsonMessageType } from './json-schema.js'
import type { MessageType } from './message-type.js'
import { noMessageType } from './no-message.js'
import { isStandardSchema, standardMessageType } from './standard-schema.js'

/** The type of the messages that a schema describes; without one, of no message. Throws `INVALID_ARGUMENT`. */
export function messageTypeOf(schema: unknown, place: MessagePlace): MessageType {
  if (schema === undefined) return noMessageType(place)
  if (isStandardSchema(schema)) return standardMessageType(schema, place)
  if (isPlainObject(schema) && !('~standard' in schema)) return jsonMessageType(schema, place)
  throw invalid(
    `${place.direction} of ${place.method}`,
    schema,
    'a schema that implements Standard Schema 1.1 (zod, valibot, arktype), or a JSON Schema',
  )
}
