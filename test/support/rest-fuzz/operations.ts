import { type Json, resolve } from './schema-values.js'

/** An operation of a document, without references to parameters and responses. */
export interface FuzzedOperation {
  readonly id: string
  /** For example `GET`. */
  readonly method: string
  /** A template. */
  readonly path: string
  readonly parameters: readonly FuzzedParameter[]
  /** The schema of the body. Undefined: there is none. */
  readonly body: Json
  readonly isBodyRequired: boolean
  /** Whether each request needs credentials. */
  readonly isSecured: boolean
  /** By status. */
  readonly responses: Readonly<Record<string, Json>>
}

export interface FuzzedParameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly schema: Json
}

/** All operations of a document. */
export function operationsOf(document: Json): FuzzedOperation[] {
  return Object.entries(document.paths as Record<string, Json>).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Json>).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      parameters: (operation.parameters ?? []).map((parameter: Json) => {
        const { name, in: place, required = false, schema } = resolve(document, parameter)
        return { name, in: place, required, schema }
      }),
      body: operation.requestBody?.content['application/json'].schema,
      isBodyRequired: operation.requestBody?.required === true,
      isSecured: isSecured(operation.security),
      responses: Object.fromEntries(
        Object.entries(operation.responses).map(([status, response]) => [
          status,
          resolve(document, response),
        ]),
      ),
    })),
  )
}

function isSecured(security: readonly object[]): boolean {
  return security.length > 0 && security.every((requirement) => Object.keys(requirement).length > 0)
}
