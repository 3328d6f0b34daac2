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
export type { EnvelopeOptions, HealthCheck, RestGatewayOptions } from './rest-options.js'
export { createRestServer, type RestServer } from './rest-server.js'
export type { RestServerOptions } from './server-options.js'
