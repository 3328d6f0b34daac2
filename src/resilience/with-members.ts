import type { Interceptor } from '../service/interceptors.js'

/** An interceptor that is also an object with the members of `members`, accessors included. */
export function withMembers<Members extends object>(
  interceptor: Interceptor,
  members: Members,
): Interceptor & Members {
  return Object.defineProperties(interceptor, Object.getOwnPropertyDescriptors(members)) as Interceptor &
    Members
}
