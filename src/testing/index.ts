export { type ChannelPairOptions, createChannelPair } from './channel-pair.js'
