export type { Authenticator, GatewayClient } from '../authenticator.js'
export type { GatewayClientOptions, GatewayService } from '../services.js'
export type { CallHeaders, HeadersSource } from './call-headers.js'
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
export { connectTunnel, type TunnelOptions } from './grpc-tunnel.js'
export { STATUS_DETAILS } from './status-details.js'
export type { TokenSource } from './tokens.js'
export type { GatewayTunnelOptions } from './tunnel-admission.js'
