export type { Authenticator, GatewayClient } from '../authenticator.js'
export type { JwtAlgorithm } from './algorithms.js'
export { type ApiKey, type ApiKeysOptions, apiKeys } from './api-keys.js'
export {
  type ClientCredentials,
  type ClientCredentialsOptions,
  clientCredentials,
} from './client-credentials.js'
export type { Fetch } from './fetch-json.js'
export { jwtAuth } from './jwt-auth.js'
export type { JwtAuthOptions } from './jwt-options.js'
export type { JsonWebKeySet } from './key-set.js'
