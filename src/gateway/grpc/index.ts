export type { Authenticator, GatewayClient } from '../authenticator.js'
export type { RateLimit, RateLimitOptions } from '../rate-limits.js'
export type { GatewayClientOptions, GatewayService } from '../services.js'
export type { TokenSource } from '../tokens.js'
export type { CallHeaders, HeadersSource } from '../tunnel/call-headers.js'
export type { GatewayTunnelOptions } from '../tunnel/tunnel-admission.js'
export type { TunnelOptions } from '../tunnel/tunnel-channel.js'
export type { GatewayKeepAliveOptions, GrpcGatewayOptions } from './gateway-options.js'
export { type GrpcGateway, grpcGateway } from './grpc-gateway.js'
export {
  type GrpcService,
  type GrpcServiceMembers,
  grpcService,
} from './grpc-service.js'
export type {
  GrpcKeepAliveOptions,
  GrpcServiceOptions,
  GrpcTlsOptions,
} from './grpc-service-options.js'
export { connectTunnel } from './grpc-tunnel.js'
export { STATUS_DETAILS } from './status-details.js'
