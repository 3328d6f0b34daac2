import type { Contract } from '../../../service/contract/contract.js'
import { commentOf } from '../../../service/proto/proto-comments.js'
import type { ProtoContract } from '../../../service/proto/proto-contract.js'
import type { ApiSource, NamedMethod } from './api-source.js'
import { Components } from './components.js'
import { HEALTH_TAG, healthPaths } from './health-paths.js'
import { type Operation, operationOf } from './operations.js'
import { shapeOf } from './path-names.js'
import { securitySchemes } from './security.js'

/** An OpenAPI document, version 3.1, as a JSON value. */
export type OpenApiDocument = Readonly<Record<string, unknown>>

/** Describes the routes of a gateway. Equal contracts and options give equal documents, also in the order of their keys. */
export function describeApi(source: ApiSource): OpenApiDocument {
  const { contracts, openapi, prefix } = source
  const components = new Components()
  const schemes = securitySchemes(source)
  const operations = operationsOf(source, components, schemes)
  const used = new Set(operations.flatMap(({ value }) => (value.security as object[]).flatMap(Object.keys)))
  const usedSchemes = [...schemes].filter(([name]) => used.has(name))
  const paths = { ...pathsOf(operations), ...(source.hasHealth && healthPaths(source, components)) }
  return {
    openapi: '3.1.1',
    info: openapi.info,
    servers: openapi.servers ?? [{ url: prefix === '' ? '/' : prefix }],
    tags: [...contracts.map(tagOf), ...(source.hasHealth ? [HEALTH_TAG] : [])],
    paths,
    components: {
      ...components.toJSON(),
      ...(usedSchemes.length > 0 && { securitySchemes: Object.fromEntries(usedSchemes) }),
    },
  }
}

function operationsOf(
  source: ApiSource,
  components: Components,
  schemes: ReadonlyMap<string, unknown>,
): Operation[] {
  const methods = source.contracts.flatMap(({ name: service, methods: all }) =>
    Object.entries(all).map(([name, method]): NamedMethod => ({ service, name, method })),
  )
  const ids = operationIds(methods)
  return methods.flatMap((named) =>
    named.method.http.map((binding, index) => {
      const id = `${ids.get(named) as string}${index === 0 ? '' : `_${index + 1}`}`
      return operationOf(named, binding, source, { components, schemes, id })
    }),
  )
}

/** `UserService_getUser`, and with the package if another service has the same name. */
function operationIds(methods: readonly NamedMethod[]): Map<NamedMethod, string> {
  const ownersOf = new Map<string, Set<string>>()
  for (const { service } of methods) {
    const short = lastPart(service)
    ownersOf.set(short, (ownersOf.get(short) ?? new Set()).add(service))
  }
  return new Map(
    methods.map((named) => {
      const { service, name } = named
      const isUnique = ownersOf.get(lastPart(service))?.size === 1
      return [named, `${isUnique ? lastPart(service) : service.replaceAll('.', '_')}_${name}`]
    }),
  )
}

function lastPart(service: string): string {
  return service.slice(service.lastIndexOf('.') + 1)
}

/** Operations with the same path are in one item, whatever the names of their parameters are. */
function pathsOf(operations: readonly Operation[]): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {}
  const byShape = new Map<string, string>()
  for (const { path, httpMethod, value } of operations) {
    const shape = shapeOf(path)
    const first = byShape.get(shape) ?? path
    byShape.set(shape, first)
    paths[first] = { ...paths[first], [httpMethod]: first === path ? value : renamed(value, path, first) }
  }
  return paths
}

/** The parameters of the path with their names in the first path of the same form. */
function renamed(value: Operation['value'], path: string, first: string): Operation['value'] {
  const to = parameterNames(first)
  const names = new Map(parameterNames(path).map((name, index) => [name, to[index] as string]))
  const parameters = (value.parameters as Readonly<Record<string, unknown>>[]).map((parameter) => {
    const name = names.get(parameter.name as string)
    if (parameter.in !== 'path' || name === undefined || name === parameter.name) return parameter
    const { description = `The field \`${String(parameter.name)}\`.` } = parameter
    return { ...parameter, name, description }
  })
  return { ...value, parameters }
}

function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{([^}]*)\}/g)].map(([, name = '']) => name)
}

function tagOf(contract: Contract): { readonly name: string; readonly description: string } {
  const descriptor = (contract as Partial<ProtoContract>).descriptor
  const comment = descriptor === undefined ? '' : commentOf(descriptor)
  return { name: contract.name, description: comment === '' ? `The service \`${contract.name}\`.` : comment }
}
