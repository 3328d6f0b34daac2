export { restGateway } from './rest-gateway.js'
export type { HealthCheck, RestGatewayOptions } from './rest-options.js'
export { createRestServer, type RestServer } from './rest-server.js'
export type { RestServerOptions } from './server-options.js'
