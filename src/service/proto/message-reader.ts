import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  type Message,
  type UnknownField,
} from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence, isWrapperDesc } from '@bufbuild/protobuf/wkt'
import type { MessagePlace } from '../../schema/field-violations.js'
import { messageFault } from '../../schema/field-violations.js'
import { jsonObjectConvert } from './json-object.js'
import { type Convert, MessageWalk } from './message-walk.js'
import { enumConvert, mapKeyConvert, scalarConvert } from './scalar-values.js'

const FIELD_NUMBER_MAX = 2 ** 29 - 1
const WIRE_TYPE_MAX = 5

interface Member {
  readonly name: string
  readonly isRequired: boolean
  readonly convert: Convert
}

const readers = new WeakMap<DescMessage, MessageReader>()

/** The reader of a type; it is made once. */
export function readerOf(desc: DescMessage): MessageReader {
  let reader = readers.get(desc)
  if (reader === undefined) {
    reader = new MessageReader(desc)
    readers.set(desc, reader)
  }
  return reader
}

/**
 * Makes messages from values that a channel or a program provides: objects without zero values, or messages that have lost their prototype.
 * `create` of protobuf-es fills in zero values too, but does not check values, and returns what has a `$typeName` unchanged.
 */
export class MessageReader {
  readonly #desc: DescMessage
  #members: readonly Member[] | undefined

  constructor(desc: DescMessage) {
    this.#desc = desc
  }

  /** Returns a complete message. Ignores unknown properties, which a newer program may send. Throws the error of `messageFault`. */
  read(value: unknown, place: MessagePlace): Message {
    const result = MessageWalk.run((walk) => this.convert(value, walk))
    if (result.violations.length > 0) throw messageFault(place, result.violations)
    return result.value as Message
  }

  readonly convert: Convert = (value, walk) => {
    const { typeName } = this.#desc
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return walk.fail(`must be an object with the fields of ${typeName}`)
    }
    const fields = value as Readonly<Record<string, unknown>>
    if (fields.$typeName !== undefined && fields.$typeName !== typeName) {
      return walk.fail(`is a message of another type; it must be ${typeName}`)
    }
    return walk.nested(() => this.#copy(fields, walk))
  }

  #copy(fields: Readonly<Record<string, unknown>>, walk: MessageWalk): Message {
    const message = create(this.#desc) as Message & Record<string, unknown>
    this.#members ??= this.#desc.members.map(memberOf)
    for (const { name, isRequired, convert } of this.#members) {
      // The prototype of some messages has the defaults of fields that are not set.
      const value = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (value !== undefined && value !== null) message[name] = walk.at(name, convert, value)
      else if (isRequired) walk.at(name, (_, at) => at.fail('is required'), undefined)
    }
    if (fields.$unknown !== undefined) {
      message.$unknown = walk.at('$unknown', unknownFields, fields.$unknown) as UnknownField[]
    }
    return message
  }
}

function memberOf(member: DescField | DescOneof): Member {
  if (member.kind === 'oneof')
    return { name: member.localName, isRequired: false, convert: oneofConvert(member) }
  const isRequired = member.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED
  return { name: member.localName, isRequired, convert: fieldConvert(member) }
}

function fieldConvert(field: DescField): Convert {
  switch (field.fieldKind) {
    case 'list':
      return listConvert(elementConvert(field))
    case 'map':
      return mapConvert(mapKeyConvert(field.mapKey), elementConvert(field))
    case 'message':
      if (field.oneof === undefined && isWrapperDesc(field.message)) return wrapperConvert(field.message)
      return elementConvert(field)
    case 'scalar':
    case 'enum':
      return elementConvert(field)
  }
}

/** Of one value of a field: the field's own, or that of a list or a map. */
function elementConvert(field: DescField): Convert {
  if (field.scalar !== undefined)
    return scalarConvert(field.scalar, 'longAsString' in field && field.longAsString)
  if (field.enum !== undefined) return enumConvert(field.enum)
  // protobuf-es: everywhere but in a Value, a Struct is an object of JSON.
  const isJson =
    field.message.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value'
  // A type can contain itself: its members are converted when they are needed.
  return isJson ? jsonObjectConvert : readerOf(field.message).convert
}

/** protobuf-es: the field holds the value of the wrapper. */
function wrapperConvert({ fields }: DescMessage): Convert {
  return elementConvert(fields[0] as DescField)
}

function listConvert(convert: Convert): Convert {
  return (value, walk) => {
    if (!Array.isArray(value)) return walk.fail('must be an array')
    walk.charge(value.length)
    const list: unknown[] = []
    for (let index = 0; index < value.length; index += 1) list.push(walk.at(index, convert, value[index]))
    return list
  }
}

function mapConvert(convertKey: Convert, convert: Convert): Convert {
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return walk.fail('must be an object')
    const entries = Object.entries(value)
    walk.charge(entries.length)
    return Object.fromEntries(
      entries.map(([key, element]) => [walk.at(key, convertKey, key), walk.at(key, convert, element)]),
    )
  }
}

/** A case that this program does not know is not set: a newer program may send it. */
function oneofConvert({ fields }: DescOneof): Convert {
  const converts = new Map<unknown, Convert>(fields.map((field) => [field.localName, fieldConvert(field)]))
  return (value, walk) => {
    if (typeof value !== 'object' || value === null) return walk.fail('must be an object with case and value')
    const { case: name, value: content } = value as { case?: unknown; value?: unknown }
    const convert = converts.get(name)
    return convert === undefined
      ? { case: undefined }
      : { case: name, value: walk.at('value', convert, content) }
  }
}

/** Fields that the sender has received and does not know, extensions among them. */
const unknownFields: Convert = (value, walk) => {
  if (!Array.isArray(value)) return walk.fail('must be an array')
  walk.charge(value.length)
  // `Array.from` also visits the holes of an array.
  return Array.from(value as (Partial<UnknownField> | null | undefined)[], (field, index) => {
    const { no, wireType, data } = field ?? {}
    const isValid =
      isIntegerWithin(no, 1, FIELD_NUMBER_MAX) &&
      isIntegerWithin(wireType, 0, WIRE_TYPE_MAX) &&
      data instanceof Uint8Array
    return isValid
      ? { no, wireType, data }
      : walk.at(index, (_, at) => at.fail('is not an unknown field'), field)
  })
}

function isIntegerWithin(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}
