import type { FastifyReply, FastifyRequest } from 'fastify'
import { misuse } from '../../options.js'
import type { PolicyCall } from '../../service/auth/policy.js'
import type { ClientFunctions } from '../../service/client.js'
import type { Method } from '../../service/contract/contract.js'
import type { HttpBinding } from '../../service/contract/http-binding.js'
import { type PathTemplate, parsePathTemplate } from '../../service/contract/path-template.js'
import type { ProtoMethod } from '../../service/proto/proto-contract.js'
import type { Invoke } from '../../service/service-calls.js'
import { type GatewayService, isProtoContract } from '../services.js'
import type { MessageForm } from './message-form.js'
import { type CreateProtoForm, loadProtoForm } from './proto-form.js'
import { type RequestJson, RouteRequest } from './request-json.js'
import type { RestSettings } from './rest-options.js'
import { RouteTable } from './route-table.js'
import { schemaForm } from './schema-form.js'

/** A route of a method. */
export interface ServiceRoute {
  readonly kind: 'service'
  /** The call as the policy sees it. */
  readonly guarded: PolicyCall
  readonly method: Method
  readonly binding: HttpBinding
  readonly form: MessageForm
  readonly request: RequestJson
  readonly invoke: Invoke
  /** In milliseconds. */
  readonly timeoutMs: number
  /** The value of `cache-control` for answers. */
  readonly cacheControl: string
}

/** A route of the gateway itself, for everyone. */
export interface OwnRoute {
  readonly kind: 'own'
  /** Sends the reply. */
  answer(request: FastifyRequest, reply: FastifyReply): Promise<void> | void
}

export type Route = ServiceRoute | OwnRoute

/** The routes of all methods. Throws `INVALID_ARGUMENT` for two methods with the same route. */
export async function serviceRoutes(
  settings: RestSettings,
  clients: readonly ClientFunctions[],
): Promise<RouteTable<Route>> {
  const table = new RouteTable<Route>()
  const createForm = settings.services.some(({ contract }) => isProtoContract(contract))
    ? await loadProtoForm(settings)
    : undefined
  for (const [index, service] of settings.services.entries()) {
    const { functions } = clients[index] as ClientFunctions
    for (const route of routesOf(service, functions, settings, createForm))
      addRoute(table, route.binding, route)
  }
  return table
}

/** Adds a route of the gateway itself. Throws `INVALID_ARGUMENT` if a method has it. */
export function addOwnRoute(
  table: RouteTable<Route>,
  path: string,
  answer: OwnRoute['answer'],
  remedy: string,
): void {
  const present = table.add('GET', parsePathTemplate(path), { kind: 'own', answer })
  if (present !== undefined) throw misuse(`the gateway answers GET ${path} itself; ${remedy}`)
}

function* routesOf(
  { contract, client }: GatewayService,
  functions: ClientFunctions['functions'],
  settings: RestSettings,
  createForm: CreateProtoForm | undefined,
): Generator<ServiceRoute> {
  for (const [name, method] of Object.entries(contract.methods)) {
    if (method.http.length === 0) continue
    const form =
      createForm !== undefined && isProtoContract(contract)
        ? createForm((method as ProtoMethod).descriptor)
        : schemaForm(method)
    const guarded = { service: contract.name, method: name }
    const invoke = functions.get(name) as Invoke
    const unaryMs = client?.timeoutMs ?? settings.timeoutMs
    const timeoutMs = method.kind === 'unary' ? unaryMs : (client?.timeoutMs ?? Number.POSITIVE_INFINITY)
    for (const binding of method.http) {
      const request = new RouteRequest(form, binding, {
        method: `${contract.name}.${name}`,
        ignoreUnknown: settings.ignoreUnknown,
      })
      const cacheControl = settings.cache.cacheControlOf(binding.method, contract.name, name)
      yield { kind: 'service', guarded, method, binding, form, request, invoke, timeoutMs, cacheControl }
    }
  }
}

function addRoute(
  table: RouteTable<Route>,
  { method, path, template }: HttpBinding,
  route: ServiceRoute,
): void {
  const present = table.add(method, template, route)
  if (present === undefined) return
  const owners = [present, route].map((one) => (one.kind === 'own' ? 'the gateway' : nameOf(one)))
  throw misuse(`${owners.join(' and ')} have the HTTP route ${method} ${path}; use different routes`)
}

function nameOf({ guarded }: ServiceRoute): string {
  return `${guarded.service}/${guarded.method}`
}

/** The beginning of the paths of a template: its segments before the first one that is not a literal. */
export function literalPrefixOf({ segments }: PathTemplate): readonly string[] {
  const first = segments.findIndex((segment) => segment === '*' || segment === '**')
  return first === -1 ? segments : segments.slice(0, first)
}
