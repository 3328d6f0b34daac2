import type { Policy, PolicyRule } from '../../../service/auth/policy.js'
import type { Contract, Method } from '../../../service/contract/contract.js'
import type { Authenticator } from '../../authenticator.js'
import type { OpenApiOptions } from './openapi-options.js'

/** The behaviour of a REST gateway that its document describes. */
export interface ApiSource {
  readonly contracts: readonly Contract[]
  readonly openapi: OpenApiOptions
  /** For example `/api`; empty without one. */
  readonly prefix: string
  readonly authenticators: readonly Pick<Authenticator, 'securityScheme'>[]
  readonly policy: Policy | undefined
  /** The form of errors for clients that do not ask for another one. */
  readonly errors: 'envelope' | 'problem'
  /** Whether answers are `{ data, meta }`. */
  readonly hasEnvelope: boolean
  /** Whether bodies with unknown fields of a `.proto` message are refused. */
  readonly refusesUnknownFields: boolean
  readonly hasRateLimits: boolean
  /** Whether it answers `/health` and `/ready`. */
  readonly hasHealth: boolean
  /** Whether the methods take idempotency keys. */
  readonly idempotency: { isRequired(service: string, method: string): boolean } | undefined
}

/** A method with the names that a document needs. */
export interface NamedMethod {
  readonly service: string
  readonly name: string
  readonly method: Method
}

/** The rule that applies to a method. Without a policy, everyone may call it. */
export function ruleOf({ policy }: ApiSource, { service, name }: NamedMethod): PolicyRule | undefined {
  return policy === undefined ? true : policy.ruleFor(service, name)
}
