export { Channel, type RequestContext, type RequestHandler } from './channel/channel.js'
export type { Claim } from './channel/claims.js'
export type { ChannelEvents } from './channel/types.js'
export type { ChannelCodec, Codec, CodecBounds, CodecName } from './codec/codec.js'
export { connect } from './connect.js'
export { ErrorCode, ShmwireError } from './errors.js'
export {
  type BackOff,
  type Connector,
  type ConnectorEvents,
  type KeepConnectedOptions,
  keepConnected,
  type Retry,
} from './keep-connected.js'
export type { Transport } from './link/link.js'
export { listen, type Server, type ServerEvents } from './listen.js'
export type { ChannelOptions, Logger, TransportChoice, WaitMode, WaitOptions } from './options.js'
export type { Peer } from './peer.js'
export type { ChannelStats } from './stats.js'
