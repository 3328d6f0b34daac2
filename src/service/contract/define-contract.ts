import { checkOptionNames, invalid, misuse } from '../../options.js'
import { isPlainObject } from '../../schema/json-schema.js'
import { messageTypeOf } from '../../schema/message-schema.js'
import type { MessageType } from '../../schema/message-type.js'
import type { JsonSchema, MessageSchema, StandardSchema } from '../../schema/schema.js'
import type { CallKind, Contract, Method } from './contract.js'
import { type HttpRoutes, httpBindings } from './http-binding.js'
import { checkMethodNames, checkServiceName, ServiceContract } from './service-contract.js'

/** The options of `unary`, `serverStream`, `clientStream` and `bidi`. */
export interface MethodOptions<
  Input extends MessageSchema | undefined = MessageSchema | undefined,
  Output extends MessageSchema | undefined = MessageSchema | undefined,
> {
  /** The schema of a message of the caller. Default: the caller sends no message. */
  input?: Input
  /** The schema of a message of the handler. It only checks; a transform has no effect. Default: the handler sends no message. */
  output?: Output
  /** The routes of the method in a REST gateway: `'GET /api/v1/users/{id}'`, an object with more, or an array. Default: none. */
  http?: HttpRoutes | undefined
  /** The call changes nothing. Then it is also idempotent. Default false. */
  safe?: boolean | undefined
  /** The call may be repeated: a second one has no further effect. Default: as `safe`. */
  idempotent?: boolean | undefined
  /** For people, in an OpenAPI document: its first sentence is the summary, and it can have Markdown. Default: none. */
  description?: string | undefined
  /** Callers should use another method. An OpenAPI document states it. Default false. */
  deprecated?: boolean | undefined
}

/** A method that is not yet part of a contract. It comes from `unary`, `serverStream`, `clientStream` or `bidi`. */
export interface MethodDefinition<
  Kind extends CallKind = CallKind,
  Input extends MessageType = MessageType,
  Output extends MessageType = MessageType,
> {
  readonly kind: Kind
  readonly options: MethodOptions
  /** For the compiler only: it is never set. */
  readonly types?: TypesOfMethod<Input, Output> | undefined
}

interface TypesOfMethod<Input, Output> {
  readonly input: Input
  readonly output: Output
}

const OPTION_NAMES: readonly string[] = [
  'input',
  'output',
  'http',
  'safe',
  'idempotent',
  'description',
  'deprecated',
] satisfies (keyof MethodOptions)[]

/** The messages of a caller, from the option `input`: what the schema accepts is sent, and its result is received. */
export type InputType<Schema> = MessageType<Accepted<Schema, undefined>, Result<Schema, undefined>>

/** The messages of a handler, from the option `output`: what the schema accepts is sent, and received unchanged. */
export type OutputType<Schema> = MessageType<Accepted<Schema, void>, Accepted<Schema, void>>

type Accepted<Schema, Missing> = Schema extends StandardSchema
  ? Types<Schema>['input']
  : JsonType<Schema, Missing>
type Result<Schema, Missing> = Schema extends StandardSchema
  ? Types<Schema>['output']
  : JsonType<Schema, Missing>
type JsonType<Schema, Missing> = Schema extends JsonSchema<infer T> ? T : Missing
type Types<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>

/** The methods of a contract, from their definitions. */
export type ContractMethods<Definitions> = {
  readonly [Name in keyof Definitions]: MethodOf<Definitions[Name]>
}

type MethodOf<Definition> =
  Definition extends MethodDefinition<infer Kind, infer Input, infer Output>
    ? Method<Kind, Input, Output>
    : never

type OptionalSchema = MessageSchema | undefined

/** Declares a method with one message in each direction. Throws `INVALID_ARGUMENT`. */
export function unary<Input extends OptionalSchema = undefined, Output extends OptionalSchema = undefined>(
  options: MethodOptions<Input, Output> = {},
): MethodDefinition<'unary', InputType<Input>, OutputType<Output>> {
  return new Definition('unary', options)
}

/** Declares a method whose handler sends a stream of messages. Throws `INVALID_ARGUMENT`. */
export function serverStream<
  Input extends OptionalSchema = undefined,
  Output extends OptionalSchema = undefined,
>(
  options: MethodOptions<Input, Output> = {},
): MethodDefinition<'serverStream', InputType<Input>, OutputType<Output>> {
  return new Definition('serverStream', options)
}

/** Declares a method whose caller sends a stream of messages. Throws `INVALID_ARGUMENT`. */
export function clientStream<
  Input extends OptionalSchema = undefined,
  Output extends OptionalSchema = undefined,
>(
  options: MethodOptions<Input, Output> = {},
): MethodDefinition<'clientStream', InputType<Input>, OutputType<Output>> {
  return new Definition('clientStream', options)
}

/** Declares a method with a stream of messages in each direction. Throws `INVALID_ARGUMENT`. */
export function bidi<Input extends OptionalSchema = undefined, Output extends OptionalSchema = undefined>(
  options: MethodOptions<Input, Output> = {},
): MethodDefinition<'bidi', InputType<Input>, OutputType<Output>> {
  return new Definition('bidi', options)
}

/**
 * Declares a service: its name and its methods, with schemas for their messages. `serve`, `client` and the gateways use it.
 *
 * @param name for example `'user.UserService'`
 * @throws `INVALID_ARGUMENT`
 */
export function contract<const Definitions extends Readonly<Record<string, MethodDefinition>>>(
  name: string,
  definitions: Definitions,
): Contract<ContractMethods<Definitions>> {
  checkServiceName(name)
  if (!isPlainObject(definitions))
    throw invalid(`the methods of contract ${name}`, definitions, 'a plain object')
  checkMethodNames(name, Object.keys(definitions))
  const methods = Object.entries(definitions).map(([method, definition]) => [
    method,
    methodOf(`${name}.${method}`, definition),
  ])
  return new ServiceContract(name, Object.fromEntries(methods) as ContractMethods<Definitions>)
}

class Definition<Kind extends CallKind> implements MethodDefinition<Kind, never, never> {
  readonly kind: Kind
  readonly options: MethodOptions

  constructor(kind: Kind, options: MethodOptions) {
    checkOptionNames(options, OPTION_NAMES)
    this.kind = kind
    this.options = options
  }
}

function methodOf(method: string, definition: unknown): Method {
  if (!(definition instanceof Definition)) {
    throw invalid(`the method ${method}`, definition, 'unary(…), serverStream(…), clientStream(…) or bidi(…)')
  }
  const { kind, options } = definition
  const { safe = false, idempotent = safe, description = '', deprecated = false } = options
  checkBoolean(`safe of ${method}`, safe)
  checkBoolean(`idempotent of ${method}`, idempotent)
  checkBoolean(`deprecated of ${method}`, deprecated)
  if (typeof description !== 'string') throw invalid(`description of ${method}`, description, 'a string')
  if (safe && !idempotent) throw misuse(`${method} is safe, so it is idempotent; remove idempotent: false`)
  return Object.freeze({
    kind,
    input: messageTypeOf(options.input, { method, direction: 'input' }),
    output: messageTypeOf(options.output, { method, direction: 'output' }),
    safe,
    idempotent,
    http: httpBindings(`http of ${method}`, options.http),
    description,
    deprecated,
  })
}

function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(name, value, 'true or false')
}
