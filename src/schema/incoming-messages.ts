import { messageTypeOf } from './message-schema.js'
import type { MessageType } from './message-type.js'
import type { MessageSchema } from './schema.js'

/** The type of the messages of a channel with the option `schema`, ready for use. Throws `INVALID_ARGUMENT`, and `UNAVAILABLE` without ajv. */
export async function incomingMessages(schema: MessageSchema | undefined): Promise<MessageType | undefined> {
  if (schema === undefined) return undefined
  const type = messageTypeOf(schema, { method: 'the channel', direction: 'input' })
  await type.prepare?.()
  return type
}
