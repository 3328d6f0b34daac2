import type { DescMessage, DescMethod, DescService } from '@bufbuild/protobuf'
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from '@bufbuild/protobuf/wkt'
import { checkOptionNames, invalid } from '../../options.js'
import type { StandardSchema } from '../../schema/schema.js'
import { isStandardSchema } from '../../schema/standard-schema.js'
import type { CallKind, Contract, Method } from '../contract/contract.js'
import { type HttpRoutes, httpBindings } from '../contract/http-binding.js'
import { checkMethodNames, checkServiceName, ServiceContract } from '../contract/service-contract.js'
import { checkFields, httpRulesOf } from './http-rules.js'
import { commentOf } from './proto-comments.js'
import { type ProtoMessageType, protoMessageType } from './proto-message.js'

/** The options of `protoContract`. */
export interface ProtoContractOptions<MethodName extends string = string> {
  /** The routes of methods in a REST gateway. They replace those of the option `google.api.http`. */
  http?: RoutesByMethod<MethodName> | undefined
  /** Makes the rules for messages of a type, which apply after the check of the fields: `createStandardSchema` of protovalidate. */
  validate?: ((desc: DescMessage) => StandardSchema) | undefined
}

type RoutesByMethod<MethodName extends string> = { readonly [Name in MethodName]?: HttpRoutes }

/** A method of a `.proto` file. */
export interface ProtoMethod<
  Kind extends CallKind = CallKind,
  Input extends DescMessage = DescMessage,
  Output extends DescMessage = DescMessage,
> extends Method<Kind, ProtoMessageType<Input>, ProtoMessageType<Output>> {
  readonly descriptor: DescMethod
}

/** The contract of a service of a `.proto` file. */
export interface ProtoContract<
  Methods extends Readonly<Record<string, Method>> = Readonly<Record<string, Method>>,
> extends Contract<Methods> {
  readonly descriptor: DescService
}

/** The methods of a service that `protoc-gen-es` generated. */
export type ProtoMethods<Service extends DescService> = MethodsOfDescriptors<Service['method']>

type MethodsOfDescriptors<Descriptors> = string extends keyof Descriptors
  ? Readonly<Record<string, Method>>
  : { readonly [Name in keyof Descriptors]: MethodOf<Descriptors[Name]> }

type MethodOf<Descriptor> =
  Descriptor extends Pick<DescMethod, 'methodKind' | 'input' | 'output'>
    ? ProtoMethod<(typeof KINDS)[Descriptor['methodKind']], Descriptor['input'], Descriptor['output']>
    : never

const KINDS = {
  unary: 'unary',
  server_streaming: 'serverStream',
  client_streaming: 'clientStream',
  bidi_streaming: 'bidi',
} as const satisfies Record<DescMethod['methodKind'], CallKind>

const OPTION_NAMES: readonly string[] = ['http', 'validate'] satisfies (keyof ProtoContractOptions)[]

/**
 * Declares a service from its `.proto` file: `protoContract(UserService)`, with the output of `protoc-gen-es`. Handlers get complete
 * messages, with all zero values. Callers pass, and handlers return, objects with any of the fields.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function protoContract<const Service extends DescService>(
  service: Service,
  options: ProtoContractOptions<keyof Service['method'] & string> = {},
): ProtoContract<ProtoMethods<Service>> {
  if (service?.kind !== 'service' || !Array.isArray(service.methods))
    throw invalid('the service', service, 'a service that protoc-gen-es generated, or of a registry')
  checkOptionNames(options, OPTION_NAMES)
  const { typeName, methods } = service
  const names = methods.map(({ localName }) => localName)
  checkServiceName(typeName)
  checkMethodNames(typeName, names)
  if (options.http !== undefined) checkOptionNames(options.http, names)
  const entries = methods.map((method) => [method.localName, methodOf(method, options)])
  return new ServiceOfProto(service, Object.fromEntries(entries) as ProtoMethods<Service>)
}

class ServiceOfProto<Methods extends Readonly<Record<string, Method>>>
  extends ServiceContract<Methods>
  implements ProtoContract<Methods>
{
  readonly descriptor: DescService

  constructor(descriptor: DescService, methods: Methods) {
    super(descriptor.typeName, methods)
    this.descriptor = descriptor
  }
}

function methodOf(descriptor: DescMethod, { http, validate }: ProtoContractOptions): ProtoMethod {
  const { localName, methodKind, input, output, idempotency } = descriptor
  const method = `${descriptor.parent.typeName}.${localName}`
  const place = `http of ${method}`
  const own = http?.[localName]
  const bindings = own === undefined ? httpRulesOf(descriptor, place) : httpBindings(place, own)
  checkFields(bindings, descriptor, place)
  const createRules = validate && ((desc: DescMessage) => rulesOf(validate, desc))
  const safe = idempotency === IdempotencyLevel.NO_SIDE_EFFECTS
  return Object.freeze({
    kind: KINDS[methodKind],
    input: protoMessageType(input, { method, direction: 'input' }, createRules),
    output: protoMessageType(output, { method, direction: 'output' }, createRules),
    safe,
    idempotent: safe || idempotency === IdempotencyLevel.IDEMPOTENT,
    http: bindings,
    description: commentOf(descriptor),
    deprecated: descriptor.deprecated,
    descriptor,
  })
}

function rulesOf(validate: unknown, desc: DescMessage): StandardSchema {
  if (typeof validate !== 'function') throw invalid('validate', validate, 'a function')
  const rules: unknown = validate(desc)
  if (isStandardSchema(rules)) return rules
  throw invalid(
    `the result of validate for ${desc.typeName}`,
    rules,
    'a schema that implements Standard Schema 1.1',
  )
}
