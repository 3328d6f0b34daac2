/** Checks a snapshot of another process. Every member is input: texts become printable, so that they cannot control a terminal. */
import { ErrorCode, ShmwireError } from '../errors.js'
import { show } from '../options.js'
import { printable } from '../printable.js'
import type { ChannelStats } from '../stats.js'
import {
  type CellFigures,
  type ChannelFigures,
  type ChannelGroupFigures,
  type EndedGatewayFigures,
  type EndedMethodFigures,
  type EndedSubscriptionFigures,
  type EventLoopFigures,
  type GatewayFigures,
  type MethodFigures,
  type ProcessFigures,
  type QueueFigures,
  type ServerFigures,
  type ServiceFigures,
  SNAPSHOT_VERSION,
  type Snapshot,
  type SubscriptionFigures,
  type TopicFigures,
} from './figures.js'
import type { HistogramFigures } from './latency-histogram.js'

/** Returns the checked value. `path` names it in errors. */
type Shape<T> = (value: unknown, path: string) => T

const TEXT_CHARACTERS_MAX = 512
const ROWS_MAX = 100_000
const NAMES_MAX = 64
const BUCKETS_MAX = 64

const count: Shape<number> = (value, path) => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw fault(path, value, 'a number of at least 0')
}
const text: Shape<string> = (value, path) => {
  if (typeof value === 'string' && value.length <= TEXT_CHARACTERS_MAX) return printable(value)
  throw fault(path, value, `a string of at most ${TEXT_CHARACTERS_MAX} characters`)
}
const optionalCount: Shape<number | undefined> = (value, path) =>
  value === undefined ? undefined : count(value, path)
const role = oneOf(['server', 'client', 'stream'])
const gateway = oneOf(['rest', 'grpc'])
const counts = namedCounts()

const histogram = object<HistogramFigures>({
  count,
  sumMs: count,
  maxMs: count,
  buckets: list(count, BUCKETS_MAX),
})

const processShape = object<Required<ProcessFigures>>({
  pid: count,
  threadId: count,
  title: text,
  nodeVersion: text,
  startedAtMs: count,
  cpuUserMs: count,
  cpuSystemMs: count,
  residentBytes: count,
  heapUsedBytes: count,
  heapTotalBytes: count,
  externalBytes: count,
  openDescriptors: optionalCount,
  maxDescriptors: optionalCount,
})

const channelStats: { [Name in keyof ChannelStats]: Shape<number> } = {
  messagesSent: count,
  bytesSent: count,
  messagesReceived: count,
  bytesReceived: count,
  wakesSent: count,
  wakesReceived: count,
  spins: count,
  fullWaits: count,
  outboxRecords: count,
  outboxBytes: count,
  requestsOpen: count,
  requestsRunning: count,
  depthBytes: count,
  highWaterBytes: count,
}
const place = { address: text, name: text }

const snapshotShape = object<Omit<Snapshot, 'version'>>({
  id: text,
  atMs: count,
  process: processShape,
  eventLoop: object<EventLoopFigures>({ activeMs: count, idleMs: count, delay: histogram }),
  servers: list(
    object<ServerFigures>({
      address: text,
      transport: text,
      startedAtMs: count,
      channelsOpen: count,
      handshakesOpen: count,
      handshakesFailed: count,
      observers: count,
    }),
  ),
  channelGroups: list(
    object<ChannelGroupFigures>({
      role,
      address: text,
      transport: text,
      open: count,
      opened: count,
      ended: counts,
      ...channelStats,
    }),
  ),
  channels: list(
    object<Required<ChannelFigures>>({
      id: count,
      role,
      address: text,
      transport: text,
      peerPid: optionalCount,
      ...channelStats,
    }),
  ),
  services: list(
    object<ServiceFigures>({
      address: text,
      service: text,
      methods: list(
        object<MethodFigures>({ method: text, errors: count, running: count, latency: histogram }),
      ),
    }),
  ),
  topics: list(
    object<TopicFigures>({
      ...place,
      epoch: text,
      sequence: count,
      bytes: count,
      subscribers: count,
      disconnected: count,
      wakesSent: count,
    }),
  ),
  subscriptions: list(
    object<SubscriptionFigures>({
      id: count,
      ...place,
      epoch: text,
      transport: text,
      sequence: count,
      received: count,
      lost: count,
      filtered: count,
    }),
  ),
  cells: list(object<CellFigures>({ ...place, version: count, watchers: count })),
  queues: list(
    object<QueueFigures>({
      ...place,
      waiting: count,
      delayed: count,
      leased: count,
      dead: count,
      bytes: count,
      workers: count,
      pushed: count,
      completed: count,
      failed: count,
      redelivered: count,
      deadDropped: count,
    }),
  ),
  gateways: list(
    object<GatewayFigures>({
      gateway,
      address: text,
      running: count,
      streams: count,
      clientErrors: count,
      serverErrors: count,
      latency: histogram,
    }),
  ),
  endedMethods: list(
    object<EndedMethodFigures>({
      address: text,
      service: text,
      method: text,
      errors: count,
      latency: histogram,
    }),
  ),
  endedSubscriptions: list(
    object<EndedSubscriptionFigures>({ ...place, received: count, lost: count, filtered: count }),
  ),
  endedGateways: list(
    object<EndedGatewayFigures>({
      gateway,
      address: text,
      clientErrors: count,
      serverErrors: count,
      latency: histogram,
    }),
  ),
  omitted: counts,
})

/** Throws `CORRUPT`, and `VERSION` for another shape. */
export function readSnapshot(payload: Buffer): Snapshot {
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    // The message of this error quotes the payload.
    throw new ShmwireError(ErrorCode.CORRUPT, 'the snapshot of the peer is not JSON')
  }
  const { version } = (value ?? {}) as { version?: unknown }
  if (version !== SNAPSHOT_VERSION)
    throw new ShmwireError(
      ErrorCode.VERSION,
      `the snapshot of the peer has the version ${show(version)}, and this program reads ${SNAPSHOT_VERSION}; use the same version of shmwire`,
    )
  return { version: SNAPSHOT_VERSION, ...snapshotShape(value, 'the snapshot of the peer') }
}

function object<T>(members: { readonly [Name in keyof T]-?: Shape<T[Name]> }): Shape<T> {
  const entries = Object.entries<Shape<unknown>>(members)
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw fault(path, value, 'an object')
    const read: Record<string, unknown> = {}
    for (const [name, shape] of entries) {
      const member: unknown = Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined
      read[name] = shape(member, `${path}, ${name}`)
    }
    return read as T
  }
}

function list<T>(shape: Shape<T>, rowsMax = ROWS_MAX): Shape<T[]> {
  return (value, path) => {
    if (Array.isArray(value) && value.length <= rowsMax)
      return value.map((row: unknown, index) => shape(row, `${path}[${index}]`))
    throw fault(path, value, `an array of at most ${rowsMax}`)
  }
}

function oneOf<T extends string>(values: readonly T[]): Shape<T> {
  return (value, path) => {
    const found = values.find((one) => one === value)
    if (found !== undefined) return found
    throw fault(path, value, `one of ${values.join(', ')}`)
  }
}

/** Counts by names that the peer chooses. */
function namedCounts(): Shape<Record<string, number>> {
  return (value, path) => {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : undefined
    if (entries === undefined || entries.length > NAMES_MAX)
      throw fault(path, value, `an object with at most ${NAMES_MAX} members`)
    return Object.fromEntries(
      entries.map(([name, number]) => [text(name, path), count(number, `${path}, ${printable(name, 64)}`)]),
    )
  }
}

function fault(path: string, value: unknown, expected: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, `${path} is ${show(value)}; it must be ${expected}`)
}
