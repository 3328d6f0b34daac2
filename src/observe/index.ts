export type {
  CellFigures,
  ChannelFigures,
  ChannelGroupFigures,
  ChannelRole,
  EventLoopFigures,
  GatewayFigures,
  MethodFigures,
  ProcessFigures,
  QueueFigures,
  ServerFigures,
  ServiceFigures,
  Snapshot,
  SubscriptionFigures,
  TopicFigures,
} from './figures.js'
export type { HistogramFigures } from './latency-histogram.js'
export { METRICS_CONTENT_TYPE, metricsText } from './metrics-text.js'
export { snapshot } from './snapshot.js'
