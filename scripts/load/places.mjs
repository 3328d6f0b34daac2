// The processes of a run, and the rates at which they work at the peak of the day.
import { join } from 'node:path'

const DESCRIPTORS = new URL('../../test/support/proto/tests.binpb', import.meta.url).pathname
/** Shares of what the REST gateway answers when nothing else runs. All together leave some of the machine. */
const SHARES = { volume: 0.2, h2load: 0.1, httpCaller: 0.03, caller: 0.15, pusher: 0.05, publisher: 0.15 }
const RATE_MIN = 10
export const WORKERS = ['worker-1', 'worker-2']

/** Operations per second at the peak, for a machine whose gateway answers `capacity` requests a second. */
export function peaksFor(capacity) {
  return Object.fromEntries(
    Object.entries(SHARES).map(([name, share]) => [name, Math.max(RATE_MIN, Math.round(capacity * share))]),
  )
}

/** The files and addresses of a run. */
export function layoutOf(root, ports) {
  const ledgers = join(root, 'ledgers')
  return {
    ledgers,
    store: join(root, 'disk', 'jobs.sqlite'),
    executed: join(root, 'executed'),
    answered: join(root, 'answered'),
    topics: { ticks: 'load-ticks', feed: 'load-feed' },
    ...ports,
  }
}

/** The servers, in the order of their start: `[name, role, options]`. */
export function servers(layout) {
  const { ledgers, store, executed, restPort, grpcPort } = layout
  const service = { descriptors: DESCRIPTORS, address: 'load-users' }
  return [
    ['service', 'service', { ...service, file: executed }],
    ['gateway', 'gateway', { ...service, restPort, grpcPort }],
    ['volume', 'volume', { port: restPort, connections: 10 }],
    ['queue', 'queue', { address: 'load-jobs', store }],
    ...WORKERS.map((name) => [name, 'worker', { address: 'load-jobs', ledgers }]),
  ]
}

/** The others, which need the rates. */
export function clients(layout, peaks) {
  const { ledgers, answered, restPort, topics } = layout
  return [
    ['publisher', 'publisher', { addresses: topics, peak: peaks.publisher }],
    ['subscriber', 'subscriber', { address: topics.ticks, source: 'topic delivery' }],
    ['slow-subscriber', 'subscriber', { address: topics.feed, source: 'topic delivery, slow' }],
    ['caller', 'caller', { descriptors: DESCRIPTORS, address: 'load-users', peak: peaks.caller }],
    ['http-caller', 'http-caller', { port: restPort, peak: peaks.httpCaller, file: answered }],
    ['pusher', 'pusher', { address: 'load-jobs', peak: peaks.pusher, ledgers }],
  ]
}

/** Processes that begin operations by themselves. */
export const PACED = ['publisher', 'caller', 'http-caller', 'pusher']
