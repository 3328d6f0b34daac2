export type { Authenticator, GatewayClient } from '../authenticator.js'
export type { RateLimit, RateLimitOptions } from '../rate-limits.js'
export type { GatewayClientOptions, GatewayService } from '../services.js'
export type { CacheOptions } from './cache-rules.js'
export type { ErrorForm } from './error-answer.js'
export type { IdempotencyOptions } from './idempotency.js'
export type {
  AnsweredKey,
  IdempotencyEntry,
  IdempotencyState,
  IdempotencyStore,
  NewKey,
  RunningKey,
  StoredAnswer,
} from './idempotency-store.js'
export { type OpenApiDocumentOptions, openApiDocument, openApiYaml } from './openapi/exported-document.js'
export type { OpenApiDocument } from './openapi/openapi-document.js'
export type {
  OpenApiContact,
  OpenApiInfo,
  OpenApiLicense,
  OpenApiOptions,
  OpenApiServer,
} from './openapi/openapi-options.js'
export { restGateway } from './rest-gateway.js'
export type {
  EnvelopeOptions,
  HealthCheck,
  MetricsAccess,
  MetricsClient,
  RestGatewayOptions,
} from './rest-options.js'
export { createRestServer, type RestServer } from './rest-server.js'
export type { RestServerOptions } from './server-options.js'
