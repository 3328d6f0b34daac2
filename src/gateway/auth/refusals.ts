import { ServiceError } from '../../service-error.js'

/** The reasons of `jwtAuth`, which are stable. */
export type TokenReason = 'INVALID_TOKEN' | 'TOKEN_EXPIRED' | 'TOKEN_NOT_YET_VALID'

/** An error for wrong credentials. The text never quotes them. */
export function refusedToken(fault: string, reason: TokenReason = 'INVALID_TOKEN'): ServiceError {
  return new ServiceError('UNAUTHENTICATED', `the access token ${fault}`, { reason })
}
