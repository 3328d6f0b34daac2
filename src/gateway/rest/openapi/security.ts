import { LOCAL_ROLE } from '../../../service/auth/identity.js'
import { type ApiSource, type NamedMethod, ruleOf } from './api-source.js'

/** A Security Requirement Object. */
type Requirement = Readonly<Record<string, readonly string[]>>

const NAMES: Readonly<Record<string, string>> = {
  apiKey: 'apiKey',
  http: 'bearer',
  mutualTLS: 'mutualTLS',
  oauth2: 'oauth2',
  openIdConnect: 'openId',
}

/** The Security Scheme Objects by name. With a policy and without other credentials, clients need certificates. */
export function securitySchemes({ authenticators, policy }: ApiSource): Map<string, unknown> {
  const schemes = new Map<string, unknown>()
  for (const { securityScheme } of authenticators) {
    const { type, scheme } = securityScheme
    const name = type === 'http' && typeof scheme === 'string' ? scheme : NAMES[String(type)]
    schemes.set(unique(name ?? 'credentials', schemes), securityScheme)
  }
  if (schemes.size === 0 && policy !== undefined)
    schemes.set('mutualTLS', {
      type: 'mutualTLS',
      description: 'A client certificate that the server can verify.',
    })
  return schemes
}

/** One of these is enough. An empty one: credentials are optional. */
export function securityOf(
  source: ApiSource,
  method: NamedMethod,
  schemes: ReadonlyMap<string, unknown>,
): readonly Requirement[] {
  const rule = ruleOf(source, method)
  if (schemes.size === 0 || (rule === true && source.policy !== undefined)) return []
  // Without a policy, the service can ask for an identity. A function decides itself, also about clients without one.
  if (rule === true || typeof rule === 'function') return [...requirements(schemes, undefined), {}]
  const grants = grantsOf(rule)
  const all =
    grants.length === 0
      ? requirements(schemes, undefined)
      : grants.flatMap((grant) => requirements(schemes, grant))
  return [...new Map(all.map((requirement) => [JSON.stringify(requirement), requirement])).values()]
}

/** The sentence about the callers of a method for its description. */
export function grantsText(source: ApiSource, method: NamedMethod): string {
  const rule = ruleOf(source, method)
  if (rule === true || typeof rule === 'function') return ''
  const grants = grantsOf(rule).map((grant) => `\`${grant}\``)
  if (grants.length === 0) return ''
  return grants.length === 1
    ? `The caller needs the scope or role ${grants.join('')}.`
    : `The caller needs one of these scopes or roles: ${grants.join(', ')}.`
}

/** No token makes a client local. */
function grantsOf(rule: readonly string[] | undefined): readonly string[] {
  return (rule ?? []).filter((grant) => grant !== LOCAL_ROLE)
}

/** Only a scheme that declares its scopes can require one. */
function requirements(schemes: ReadonlyMap<string, unknown>, grant: string | undefined): Requirement[] {
  return [...schemes].map(([name, scheme]) => ({
    [name]: grant !== undefined && hasScope(scheme, grant) ? [grant] : [],
  }))
}

function hasScope(scheme: unknown, scope: string): boolean {
  const { flows = {} } = scheme as { readonly flows?: Readonly<Record<string, { readonly scopes?: object }>> }
  return Object.values(flows).some(({ scopes = {} }) => Object.hasOwn(scopes, scope))
}

function unique(name: string, taken: ReadonlyMap<string, unknown>): string {
  let candidate = name
  for (let number = 2; taken.has(candidate); number += 1) candidate = `${name}${number}`
  return candidate
}
