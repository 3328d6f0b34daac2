import type {
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  JsonObject,
  JsonValue,
  Registry,
  ScalarType,
} from '@bufbuild/protobuf'
import { violationAt } from '../../schema/field-violations.js'
import { invalidMessage } from '../../service-error.js'
import { booleanOf, FIELD_STEPS_MAX, type MessageForm, numberOf, type Parameter } from './message-form.js'
import { wrongFieldOf } from './wrong-field.js'

type Protobuf = typeof import('@bufbuild/protobuf')

/** Makes the forms of methods of `.proto` files. */
export type CreateProtoForm = (method: DescMethod) => MessageForm

export interface ProtoFormOptions {
  readonly ignoreUnknown: boolean
}

/** Types of google.protobuf whose JSON is one text, number or truth value. */
const SINGLE_VALUES: ReadonlySet<string> = new Set(
  [
    'Timestamp',
    'Duration',
    'FieldMask',
    'DoubleValue',
    'FloatValue',
    'Int64Value',
    'UInt64Value',
    'Int32Value',
    'UInt32Value',
    'BoolValue',
    'StringValue',
    'BytesValue',
  ].map((name) => `google.protobuf.${name}`),
)
const INTEGER = /^-?\d{1,20}$/
const FRACTION = /^(?:-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN)$/
const DECIMAL = /^-?\d{1,10}$/

const registries = new WeakMap<DescFile, Registry>()

/** Loads `@bufbuild/protobuf`, which a program with a `.proto` contract has. */
export async function loadProtoForm({ ignoreUnknown }: ProtoFormOptions): Promise<CreateProtoForm> {
  const protobuf = await import('@bufbuild/protobuf')
  return (method) => new ProtoForm(protobuf, method, ignoreUnknown)
}

/** ProtoJSON: https://protobuf.dev/programming-guides/json/. Zero values are written. */
class ProtoForm implements MessageForm {
  readonly emptyInput = false
  readonly emptyOutput = false
  readonly takesObject: boolean
  readonly #protobuf: Protobuf
  readonly #method: DescMethod
  readonly #registry: Registry
  readonly #readOptions: { readonly ignoreUnknownFields: boolean; readonly registry: Registry }
  readonly #parameters = new Map<string, Parameter>()

  constructor(protobuf: Protobuf, method: DescMethod, ignoreUnknown: boolean) {
    this.#protobuf = protobuf
    this.#method = method
    this.#registry = registryOf(protobuf, method.parent.file)
    this.#readOptions = { ignoreUnknownFields: ignoreUnknown, registry: this.#registry }
    this.takesObject =
      !method.input.typeName.startsWith('google.protobuf.') || method.input.fields.length === 0
  }

  parameter(path: string): Parameter | undefined {
    let parameter = this.#parameters.get(path)
    if (parameter !== undefined) return parameter
    parameter = parameterOf(this.#protobuf, this.#method.input, path)
    // A message that contains itself has any number of paths.
    if (parameter !== undefined && parameter.path.length <= 2) this.#parameters.set(path, parameter)
    return parameter
  }

  inputName(field: string): string {
    return fieldOf(this.#method.input, field)?.jsonName ?? field
  }

  messageOf(json: unknown): Uint8Array {
    const { fromJson, toBinary } = this.#protobuf
    const { input } = this.#method
    let message: ReturnType<typeof fromJson>
    try {
      message = fromJson(input, json as JsonValue, this.#readOptions)
    } catch (error) {
      throw this.#wrongMessage(json as JsonValue, error as Error)
    }
    return toBinary(input, message)
  }

  textOf(message: unknown, field: string): string {
    const { fromBinary, toJson } = this.#protobuf
    const { output } = this.#method
    const options = { alwaysEmitImplicit: true, registry: this.#registry }
    const json = toJson(output, fromBinary(output, message as Uint8Array), options)
    if (field === '') return JSON.stringify(json)
    const name = fieldOf(output, field)?.jsonName ?? field
    return JSON.stringify((json as JsonObject)[name] ?? null)
  }

  #wrongMessage(json: JsonValue, error: Error): Error {
    const { parent, localName, input } = this.#method
    const field = wrongFieldOf(input, json, (type, value) => this.#accepts(type, value))
    return invalidMessage(`the input of ${parent.typeName}.${localName}`, [
      violationAt(field, reasonOf(error)),
    ])
  }

  #accepts(type: DescMessage, json: JsonValue): boolean {
    try {
      this.#protobuf.fromJson(type, json, this.#readOptions)
      return true
    } catch {
      // The error of the whole message is reported.
      return false
    }
  }
}

/** The text of `fromJson` without the name of the field. */
function reasonOf({ message, cause }: Error): string {
  // The text can have a megabyte of the client, so no expression searches it.
  if (message.endsWith('" is unknown') && message.includes(': key "')) return 'is not a field of the message'
  if (cause instanceof Error) return cause.message
  return message.replace(/^cannot decode \S+ \S+ from JSON: /, '')
}

function parameterOf(protobuf: Protobuf, input: DescMessage, path: string): Parameter | undefined {
  const steps = path.split('.')
  if (steps.length > FIELD_STEPS_MAX) return undefined
  const names: string[] = []
  let parent: DescMessage = input
  for (const [index, step] of steps.entries()) {
    const field = fieldOf(parent, step)
    if (field === undefined) return undefined
    names.push(field.jsonName)
    if (index === steps.length - 1) {
      const convert = converterOf(protobuf, field)
      return convert && { path: names, repeated: field.fieldKind === 'list', convert }
    }
    if (field.fieldKind !== 'message' || isSingleValue(field.message)) return undefined
    parent = field.message
  }
  return undefined
}

/** The types that a `google.protobuf.Any` can have: those of the file, and of all files that it imports. */
function registryOf({ createRegistry }: Protobuf, file: DescFile): Registry {
  let registry = registries.get(file)
  if (registry === undefined) {
    const files = new Set([file])
    // The loop also visits what it adds.
    for (const { dependencies } of files) for (const dependency of dependencies) files.add(dependency)
    registry = createRegistry(...files)
    registries.set(file, registry)
  }
  return registry
}

/** By the name in the file, as in templates, or that in JSON. */
function fieldOf({ fields }: DescMessage, name: string): DescField | undefined {
  return fields.find((field) => field.name === name || field.jsonName === name)
}

/** ProtoJSON accepts texts for numbers. Undefined: the field has no value that is one text. */
function converterOf({ ScalarType }: Protobuf, field: DescField): Parameter['convert'] | undefined {
  if (field.fieldKind === 'map') return undefined
  if (field.enum !== undefined) return (text) => (DECIMAL.test(text) ? numberOf(text) : text)
  const scalar = field.message === undefined ? field.scalar : wrappedScalar(field.message)
  if (scalar === ScalarType.BOOL) return booleanOf
  const isFraction = scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT
  const isText = scalar === ScalarType.STRING || scalar === ScalarType.BYTES
  // protobuf-es takes white space for zero, and reads hexadecimal numbers.
  if (scalar !== undefined && !isText)
    return (text) => ((isFraction ? FRACTION : INTEGER).test(text) ? text : undefined)
  if (field.message !== undefined && !isSingleValue(field.message)) return undefined
  return (text) => text
}

function wrappedScalar({ typeName, fields }: DescMessage): ScalarType | undefined {
  return typeName.endsWith('Value') && fields.length === 1 ? fields[0]?.scalar : undefined
}

function isSingleValue({ typeName }: DescMessage): boolean {
  return SINGLE_VALUES.has(typeName)
}
