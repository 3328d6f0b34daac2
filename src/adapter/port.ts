export { type BirpcTransport, birpcTransport } from './birpc-transport.js'
export { type ChannelPort, type ChannelPortEvents, channelPort } from './channel-port.js'
