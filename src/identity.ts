import { invalid } from './options.js'
import type { Identity } from './peer.js'

export const SUBJECT_CHARACTERS_MAX = 256
export const GRANTS_MAX = 256
export const GRANT_CHARACTERS_MAX = 256

/** Throws `INVALID_ARGUMENT`. */
export function checkIdentity(identity: unknown, name = 'identity'): Identity {
  const { subject, scopes = [], roles = [] } = (identity ?? {}) as Partial<Record<keyof Identity, unknown>>
  if (typeof subject !== 'string' || subject === '' || subject.length > SUBJECT_CHARACTERS_MAX)
    throw invalid(`${name}.subject`, subject, `a string of 1 to ${SUBJECT_CHARACTERS_MAX} characters`)
  return {
    subject,
    scopes: checkGrants(`${name}.scopes`, scopes),
    roles: checkGrants(`${name}.roles`, roles),
  }
}

function checkGrants(name: string, grants: unknown): readonly string[] {
  const isGrant = (grant: unknown): boolean =>
    typeof grant === 'string' && grant !== '' && grant.length <= GRANT_CHARACTERS_MAX
  if (Array.isArray(grants) && grants.length <= GRANTS_MAX && grants.every(isGrant)) return grants as string[]
  throw invalid(
    name,
    grants,
    `an array of at most ${GRANTS_MAX} strings of 1 to ${GRANT_CHARACTERS_MAX} characters`,
  )
}
