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
  schemes: Iterable<string>,
): readonly Requirement[] {
  const rule = ruleOf(source, method)
  const names = [...schemes]
  if (names.length === 0 || (rule === true && source.policy !== undefined)) return []
  const requirements = (scopes: readonly string[]): Requirement[] => names.map((name) => ({ [name]: scopes }))
  // Without a policy, the service can ask for an identity. A function decides itself, also about clients without one.
  if (rule === true || typeof rule === 'function') return [...requirements([]), {}]
  // No token makes a client local.
  const grants = (rule ?? []).filter((grant) => grant !== LOCAL_ROLE)
  return grants.length === 0 ? requirements([]) : grants.flatMap((grant) => requirements([grant]))
}

function unique(name: string, taken: ReadonlyMap<string, unknown>): string {
  let candidate = name
  for (let number = 2; taken.has(candidate); number += 1) candidate = `${name}${number}`
  return candidate
}
