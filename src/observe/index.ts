export type { Snapshot } from './figures.js'
export { METRICS_CONTENT_TYPE, metricsText } from './metrics-text.js'
export { snapshot } from './snapshot.js'
