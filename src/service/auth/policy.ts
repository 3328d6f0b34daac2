import { nearest } from '../../nearest.js'
import { invalid, misuse, show } from '../../options.js'
import type { Identity } from '../../peer.js'
import { ServiceError } from '../../service-error.js'
import { isThenable } from '../../thenable.js'
import { BUILT_IN } from '../built-in-methods.js'
import type { Interceptor } from '../interceptors.js'
import { type Identify, LOCAL_ROLE } from './identity.js'

/** A call, as a rule of a policy sees it. */
export interface PolicyCall {
  readonly service: string
  readonly method: string
}

/**
 * The callers that may call a method: `true` means everyone; an array, those that have at least one of these scopes or roles; a function
 * decides itself. Its result can be a promise, and its error ends the call.
 */
export type PolicyRule =
  | true
  | readonly string[]
  | ((identity: Identity | undefined, call: PolicyCall) => boolean | PromiseLike<boolean>)

/**
 * The rules of a policy, by pattern: `'user.UserService/getUser'` is one method, `'user.UserService/*'` all methods of a service, and `'*'` all
 * services. The most specific pattern applies.
 */
export type PolicyRules = Readonly<Record<string, PolicyRule>>

/** The options of services and gateways that decide who may call what. */
export interface AuthOptions {
  readonly policy?: Policy | undefined
  readonly identify?: Identify | undefined
}

/** Throws `INVALID_ARGUMENT`. */
export function checkAuthOptions({ policy: rules, identify }: AuthOptions): void {
  if (rules !== undefined && !(rules instanceof Policy))
    throw invalid('policy', rules, 'the result of policy')
  if (identify !== undefined && typeof identify !== 'function')
    throw invalid('identify', identify, 'a function')
}

/** Says who may call what, for gateways and for services. It comes from `policy`. */
export class Policy {
  readonly #rules: ReadonlyMap<string, PolicyRule>

  /** Only `policy` creates policies. */
  constructor(rules: ReadonlyMap<string, PolicyRule>) {
    this.#rules = rules
  }

  /**
   * Resolves if the caller may make the call, or returns undefined at once. Throws or rejects with `UNAUTHENTICATED` for a caller without an
   * identity, and with `PERMISSION_DENIED`.
   */
  check(identity: Identity | undefined, call: PolicyCall): PromiseLike<void> | undefined {
    const { service, method } = call
    const rule = this.ruleFor(service, method)
    if (rule === true || (rule === undefined && method === BUILT_IN.ping)) return undefined
    const decide = (allowed: unknown): void => {
      if (allowed !== true) throw refusal(identity, service, method)
    }
    if (typeof rule === 'function') {
      const result = rule(identity, { service, method })
      // Its own `then` could return nothing, which would allow the call.
      if (isThenable(result)) return Promise.resolve(result).then(decide)
      decide(result)
    } else decide(rule?.some((grant) => has(identity, grant)))
    return undefined
  }

  /** The rule that applies to a method. Undefined: all calls are denied. */
  ruleFor(service: string, method: string): PolicyRule | undefined {
    const rules = this.#rules
    return rules.get(`${service}/${method}`) ?? rules.get(`${service}/*`) ?? rules.get('*')
  }

  /** Throws `INVALID_ARGUMENT` if a pattern names a method that the service does not have. */
  checkMethods(service: string, methods: readonly string[]): void {
    for (const pattern of this.#rules.keys()) {
      const method = pattern.startsWith(`${service}/`) ? pattern.slice(service.length + 1) : '*'
      if (method === '*' || methods.includes(method)) continue
      const near = nearest(method, methods)
      const hint = near === undefined ? '' : `; did you mean ${show(`${service}/${near}`)}?`
      throw misuse(`the policy has a rule for ${show(pattern)}, a method that does not exist${hint}`)
    }
  }
}

/**
 * Declares who may call what: one object for all gateways and services. A method without a rule is denied, except `$ping`.
 *
 * ```js
 * policy({ 'user.UserService/getUser': ['users:read', 'local'], 'user.UserService/*': ['admin'] })
 * ```
 *
 * Processes of the same user on this machine have the role `local`.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function policy(rules: PolicyRules): Policy {
  if (typeof rules !== 'object' || rules === null)
    throw invalid('rules', rules, 'an object with a rule for each pattern')
  const entries = Object.entries(rules)
  for (const [pattern, rule] of entries) {
    if (!PATTERN.test(pattern))
      throw invalid('a pattern of the policy', pattern, "'service/method', 'service/*' or '*'")
    const isGrants = Array.isArray(rule) && rule.every((grant) => typeof grant === 'string' && grant !== '')
    if (rule !== true && typeof rule !== 'function' && !isGrants)
      throw invalid(
        `the rule for ${show(pattern)}`,
        rule,
        'true, an array of scopes and roles, or a function',
      )
  }
  return new Policy(new Map(entries))
}

const PATTERN = /^(?:\*|[A-Za-z0-9_.-]*\/(?:\*|\$?[A-Za-z_]\w*))$/

function has(identity: Identity | undefined, grant: string): boolean {
  // Scopes can come from an issuer of tokens, which must not make a client local.
  const isScope = grant !== LOCAL_ROLE && identity?.scopes?.includes(grant) === true
  return isScope || identity?.roles?.includes(grant) === true
}

function refusal(identity: Identity | undefined, service: string, method: string): ServiceError {
  const call = `${service}/${method}`
  if (identity === undefined)
    return new ServiceError('UNAUTHENTICATED', `the caller of ${call} has no identity`, {
      reason: 'NO_IDENTITY',
    })
  return new ServiceError('PERMISSION_DENIED', `${show(identity.subject)} may not call ${call}`, {
    reason: 'NOT_ALLOWED',
  })
}

/** Refuses the calls of a service that the policy does not allow. */
export function policyInterceptor(rules: Policy): Interceptor {
  return (next) => async (call) => {
    await rules.check(call.context?.identity, call)
    return next(call)
  }
}
