export {
  type BridgeStats,
  type BridgeTopicOptions,
  bridgeTopic,
  type TopicBridge,
  type TopicBridgeEvents,
} from './bridge.js'
export { jetStream } from './jet-stream.js'
export type { NatsLoginOptions } from './login.js'
export type { JetStreamOptions, NatsTls } from './options.js'
