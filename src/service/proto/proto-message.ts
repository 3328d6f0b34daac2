import {
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { type MessagePlace, messageFault, violationAt } from '../../schema/field-violations.js'
import type { MessageType } from '../../schema/message-type.js'
import type { StandardSchema } from '../../schema/schema.js'
import { standardMessageType } from '../../schema/standard-schema.js'
import { isThenable } from '../../thenable.js'
import { describeMessage, hasRequiredField } from './message-description.js'
import { readerOf } from './message-reader.js'
import { protoJsonSchema } from './proto-json-schema.js'

/** A program sends an object with any of the fields, and the other one gets a complete message. */
export type ProtoMessageType<Desc extends DescMessage> = MessageType<
  MessageInitShape<Desc>,
  MessageShape<Desc>
>

export type CreateRules = (desc: DescMessage) => StandardSchema

/** @param createRules makes further rules for complete messages */
export function protoMessageType(
  desc: DescMessage,
  place: MessagePlace,
  createRules: CreateRules | undefined,
): MessageType {
  const isInput = place.direction === 'input'
  const reader = readerOf(desc)
  const rules = createRules && standardMessageType(createRules(desc), place)
  const check = (message: unknown): unknown => (rules === undefined ? message : rules.parse(message))
  let hasRequired: boolean | undefined
  const decode = (bytes: Uint8Array): unknown => {
    const message = decoded(desc, bytes, place)
    // fromBinary accepts messages without a required field.
    hasRequired ??= hasRequiredField(desc)
    return hasRequired ? reader.read(message, place) : message
  }
  return {
    empty: false,
    parse: (value) => {
      const checked = check(reader.read(value, place))
      if (isInput) return checked
      return isThenable(checked) ? checked.then(() => value) : value
    },
    receive: (value) => reader.read(value, place),
    binary: {
      decode,
      encode: (value) => toBinary(desc, reader.read(value, place)),
      ...(isInput && rules !== undefined ? { check } : {}),
    },
    jsonSchema: () => protoJsonSchema(desc),
    description: () => describeMessage(desc),
  }
}

function decoded(desc: DescMessage, bytes: Uint8Array, place: MessagePlace): unknown {
  // Fields of bytes are parts of it. Those of a Buffer would be Buffers, whose `slice` does not copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return fromBinary(desc, plain)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw messageFault(place, [violationAt([], `the bytes are not a message ${desc.typeName}: ${reason}`)])
  }
}
