export { Channel, type RequestContext, type RequestHandler } from './channel/channel.js'
export type { Claim } from './channel/claims.js'
export { type EncodedMessage, encodeOnce } from './channel/encoded-message.js'
export type { ChannelEvents } from './channel/types.js'
export type { ChannelCodec, Codec, CodecBounds, CodecName, OnceEncoded } from './codec/codec.js'
export { type ConnectedSocket, connect } from './connect.js'
export type { AnnouncedService } from './control/description.js'
export type { WhenInUse } from './control/name-lease.js'
export { listServers } from './discovery/list-servers.js'
export type { DiscoveryOptions } from './discovery/place.js'
export type { ServerChange } from './discovery/server-changes.js'
export type { ServerInfo, ServerKind } from './discovery/server-info.js'
export {
  type ServerWatcher,
  type ServerWatcherEvents,
  watchServers,
} from './discovery/server-watcher.js'
export { ErrorCode, type Executed, ShmwireError } from './errors.js'
export { fromStream, type StreamHalves } from './from-stream.js'
export {
  type BackOff,
  type Connector,
  type ConnectorEvents,
  type KeepConnectedOptions,
  keepConnected,
  type Retry,
} from './keep-connected.js'
export { type ListenOptions, listen, type Server, type ServerEvents } from './listen.js'
export type { LogFields, Logger } from './log/logger.js'
export { type BindOptions, bindQueue, type QueueBinding } from './messaging/bind-queue.js'
export { createCell } from './messaging/cell/create-cell.js'
export type {
  Cell,
  CellEngine,
  CellOptions,
  CellWatch,
  CellWatchEvents,
  ValueInfo,
  WatchOptions,
} from './messaging/cell/types.js'
export { watch } from './messaging/cell/watch.js'
export type { Engine } from './messaging/engine.js'
export { createQueue } from './messaging/queue/create-queue.js'
export { openQueue } from './messaging/queue/open-queue.js'
export type {
  DeadJob,
  JobContext,
  JobHandler,
  JobOptions,
  OpenQueueOptions,
  PushedJob,
  PushOptions,
  Queue,
  QueueClient,
  QueueEngine,
  QueueOptions,
  QueueStats,
  Worker,
  WorkerEvents,
  WorkOptions,
} from './messaging/queue/types.js'
export { work } from './messaging/queue/work.js'
export { createTopic } from './messaging/topic/create-topic.js'
export { openTopic } from './messaging/topic/open-topic.js'
export { subscribe } from './messaging/topic/subscribe.js'
export type {
  MessageInfo,
  OpenTopicOptions,
  Overflow,
  PublishOptions,
  SubscribeFrom,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  SubscriptionStats,
  Topic,
  TopicClient,
  TopicEngine,
  TopicOptions,
  TopicStats,
} from './messaging/topic/types.js'
export type { MessageHeaders, MessageTransport, ServedOptions } from './messaging/types.js'
export type {
  BackgroundErrorPayload,
  ClientCallPayload,
  ConnectPayload,
  DeliveryPayload,
  DiagnosticsPayloads,
  FallbackPayload,
  GatewayRequestPayload,
  MessagePayload,
  PeerGonePayload,
  PublishPayload,
  PushPayload,
  ServiceCallPayload,
  TakePayload,
} from './observe/diagnostics-payloads.js'
export type {
  ChannelOptions,
  HeartbeatOptions,
  TlsOptions,
  TransportChoice,
  WaitMode,
  WaitOptions,
} from './options.js'
export type { Identity, Peer } from './peer.js'
export { jsonSchema } from './schema/json-schema.js'
export type { BinaryEncoding, MessageType } from './schema/message-type.js'
export type { JsonSchema, MessageSchema, StandardSchema } from './schema/schema.js'
export type { Identify } from './service/auth/identity.js'
export {
  type Policy,
  type PolicyCall,
  type PolicyRule,
  type PolicyRules,
  policy,
} from './service/auth/policy.js'
export type { MethodInfo, ServiceInfo } from './service/built-in-methods.js'
export { type CallContext, type CallOptions, type Tracked, tracked } from './service/call/call-context.js'
export type { ExposeErrors } from './service/call/call-failure.js'
export { Metadata, type MetadataInit, type MetadataValue } from './service/call/metadata.js'
export type { LatencyQuantiles, MethodStats } from './service/call/method-stats.js'
export type { WhenUnavailable } from './service/caller.js'
export {
  type ClientMembers,
  type ClientOptions,
  type ContractClientOptions,
  client,
} from './service/client.js'
export type { ClientTarget } from './service/client-connection.js'
export type { CallKind, Contract, Method } from './service/contract/contract.js'
export type { AnswerStream, CallStream, Handlers, ServiceClient } from './service/contract/contract-types.js'
export {
  bidi,
  type ContractMethods,
  clientStream,
  contract,
  type InputType,
  type MethodDefinition,
  type MethodOptions,
  type OutputType,
  serverStream,
  unary,
} from './service/contract/define-contract.js'
export type { HttpBinding, HttpMethod, HttpRoute, HttpRoutes } from './service/contract/http-binding.js'
export type {
  InterceptedAnswer,
  InterceptedCall,
  Interceptor,
  NextInterceptor,
} from './service/interceptors.js'
export { type ContractServeOptions, type RunningService, type ServeOptions, serve } from './service/serve.js'
export { type FieldViolation, ServiceError, type ServiceErrorOptions } from './service-error.js'
export { type ChildChannel, type SpawnChannelOptions, spawnChannel } from './spawn-channel.js'
export type { ChannelStats } from './stats.js'
export type { Status } from './status.js'
export type { Transport } from './transport.js'
