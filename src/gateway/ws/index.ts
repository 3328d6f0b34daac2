export type { Authenticator, GatewayClient } from '../authenticator.js'
export type { TokenSource } from '../tokens.js'
export type { CallHeaders, HeadersSource } from '../tunnel/call-headers.js'
export type { GatewayTunnelOptions } from '../tunnel/tunnel-admission.js'
export type { TunnelOptions } from '../tunnel/tunnel-channel.js'
export {
  type AttachedTunnels,
  type AttachTunnelsOptions,
  attachTunnels,
} from './attach-tunnels.js'
export { connectTunnel } from './ws-tunnel.js'
