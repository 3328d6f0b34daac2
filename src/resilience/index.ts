export {
  type ChannelPool,
  channelPool,
  type PooledAddress,
} from '../service/channel-pool.js'
export { RetryBudget, type RetryBudgetOptions } from '../service/retry-budget.js'
export { type Bulkhead, type BulkheadOptions, bulkhead } from './bulkhead.js'
export type { CircuitChange, CircuitState } from './circuit.js'
export { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from './circuit-breaker.js'
export type { Clock } from './clock.js'
export {
  type Closeable,
  type CloseableClient,
  type CloseableObject,
  type CloseOnSignalOptions,
  closeOnSignal,
  type Shutdown,
  type ShutdownResult,
} from './close-on-signal.js'
export { type HedgeInterceptor, type HedgeOptions, hedge } from './hedge.js'
export {
  type CallPriority,
  type LoadLimits,
  type LoadShedding,
  type LoadSheddingOptions,
  loadShedding,
} from './load-shedding.js'
export { type RetriedCall, type RetryInterceptor, type RetryOptions, retry } from './retry.js'
