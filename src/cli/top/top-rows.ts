/** The rows of `shmwire top`, from two snapshots of each thread. */
import type { Snapshot } from '../../observe/figures.js'
import type { HistogramFigures } from '../../observe/latency-histogram.js'
import { BUCKET_BOUNDS_MS } from '../../observe/latency-histogram.js'
import { lagOf, newestSequences } from '../../observe/metrics-text.js'

export type RowKind = 'channel' | 'service' | 'topic' | 'subscription' | 'cell' | 'queue' | 'gateway'

/** Undefined: the kind of row has no such figure. */
export interface TopRow {
  readonly pid: number
  readonly threadId: number
  readonly kind: RowKind
  /** An address, and the name of a service, a topic, a cell or a queue. */
  readonly name: string
  /** Of a channel: the transport and the process at the other end. */
  readonly peer: string
  readonly messagesPerSecond: number | undefined
  readonly bytesPerSecond: number | undefined
  readonly depthBytes: number | undefined
  readonly highWaterBytes: number | undefined
  readonly wakesPerSecond: number | undefined
  readonly spinsPerSecond: number | undefined
  /** Since the start: lost messages, dropped subscribers and dead jobs, failed calls and requests. */
  readonly drops: number | undefined
  /** Messages that a subscription has not read, jobs that wait, calls that run. */
  readonly lag: number | undefined
}

export interface TopProcess {
  readonly pid: number
  readonly threadId: number
  readonly title: string
  readonly cpuPercent: number
  readonly residentBytes: number
  readonly openDescriptors: number | undefined
  /** The share of time in which the event loop ran code. */
  readonly loopPercent: number
  /** Undefined: nothing was measured. */
  readonly loopDelayMs: number | undefined
  /** An upper bound. */
  readonly loopDelayP99Ms: number | undefined
}

/** Counters of a row, whose growth is its rate. Undefined: there is no such figure. */
interface Counters {
  readonly messages?: number | undefined
  readonly bytes?: number | undefined
  readonly wakes?: number | undefined
  readonly spins?: number | undefined
}

interface Entry {
  /** The same row has the same key in each snapshot of the thread. Rows with the same key become one. */
  readonly key: string
  /** The counters of what has ended, which are a part of the row while there is one. */
  readonly isEnded?: boolean | undefined
  readonly counters: Counters
  readonly row: Pick<TopRow, 'kind' | 'name'> &
    Partial<Pick<TopRow, 'peer' | 'depthBytes' | 'highWaterBytes' | 'drops' | 'lag'>>
}

/** Where a snapshot has the rows. */
const LISTS: Readonly<Record<RowKind, keyof Snapshot>> = {
  channel: 'channels',
  service: 'services',
  topic: 'topics',
  subscription: 'subscriptions',
  cell: 'cells',
  queue: 'queues',
  gateway: 'gateways',
}

const SECOND_MS = 1_000
const PERCENT = 100
const P99 = 0.99

/** A row with an identity. */
export interface KeyedRow {
  /** The same row has the same key in each round; no other row has it. */
  readonly key: string
  readonly row: TopRow
  /** The growth of `drops`. Undefined: the kind of row has no such figure, or nothing was measured yet. */
  readonly dropsPerSecond: number | undefined
}

/**
 * @param before of the same threads, for the rates; a new row has the rates since its start. A row that the snapshot before may have left out
 * has none.
 */
export function topRows(before: readonly Snapshot[], now: readonly Snapshot[]): TopRow[] {
  return keyedRows(before, now).map(({ row }) => row)
}

/** As `topRows`. */
export function keyedRows(before: readonly Snapshot[], now: readonly Snapshot[]): KeyedRow[] {
  const earlier = new Map(before.map((one) => [one.id, one]))
  const newest = newestSequences(now)
  return now.flatMap((one) => {
    const previous = earlier.get(one.id)
    const past = previous === undefined ? new Map<string, Entry>() : entriesOf(previous, newest)
    const elapsedMs = loopMs(one) - (previous === undefined ? 0 : loopMs(previous))
    return [...entriesOf(one, newest).values()].flatMap((entry) => {
      if (entry.isEnded === true) return []
      const known = past.get(entry.key)
      const isCut = known === undefined && (previous?.omitted[LISTS[entry.row.kind]] ?? 0) > 0
      return {
        key: threadKey(one.id, entry.key),
        row: rowOf(entry, known?.counters, isCut ? undefined : elapsedMs, one),
        dropsPerSecond:
          known === undefined ? undefined : perSecond(entry.row.drops, known.row.drops, elapsedMs),
      }
    })
  })
}

/** The key of a row among those of all threads. */
export function threadKey(id: string, key: string): string {
  return `${id} ${key}`
}

export function queueKey(address: string, name: string): string {
  return `queue ${address} ${name}`
}

/** The growth of a counter. Undefined: there is no such counter. */
export function perSecond(
  value: number | undefined,
  past: number | undefined,
  elapsedMs: number,
): number | undefined {
  if (value === undefined) return undefined
  return elapsedMs > 0 ? (Math.max(0, value - (past ?? 0)) / elapsedMs) * SECOND_MS : 0
}

export function topProcesses(before: readonly Snapshot[], now: readonly Snapshot[]): TopProcess[] {
  const earlier = new Map(before.map((one) => [one.id, one]))
  return now.map((one) => {
    const previous = earlier.get(one.id)
    const { process: figures, eventLoop } = one
    const elapsedMs = loopMs(one) - (previous === undefined ? 0 : loopMs(previous))
    const cpuMs = cpuOf(one) - (previous === undefined ? 0 : cpuOf(previous))
    const activeMs = eventLoop.activeMs - (previous?.eventLoop.activeMs ?? 0)
    const delay = growthOf(eventLoop.delay, previous?.eventLoop.delay)
    return {
      pid: figures.pid,
      threadId: figures.threadId,
      title: figures.title,
      cpuPercent: share(cpuMs, elapsedMs),
      residentBytes: figures.residentBytes,
      openDescriptors: figures.openDescriptors,
      loopPercent: share(activeMs, elapsedMs),
      loopDelayMs: delay.count === 0 ? undefined : delay.sumMs / delay.count,
      loopDelayP99Ms: quantile(delay, P99),
    }
  })
}

/** The age of the thread, by its monotonic clock. */
export function loopMs({ eventLoop }: Snapshot): number {
  return eventLoop.activeMs + eventLoop.idleMs
}

function cpuOf({ process: figures }: Snapshot): number {
  return figures.cpuUserMs + figures.cpuSystemMs
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.max(0, (part / whole) * PERCENT) : 0
}

function growthOf(now: HistogramFigures, before: HistogramFigures | undefined): HistogramFigures {
  if (before === undefined) return now
  const buckets = now.buckets.map((count, index) => count - (before.buckets[index] ?? 0))
  return { count: now.count - before.count, sumMs: now.sumMs - before.sumMs, maxMs: now.maxMs, buckets }
}

function quantile({ count, buckets, maxMs }: HistogramFigures, part: number): number | undefined {
  if (count <= 0) return undefined
  const index = buckets.findIndex((seen) => seen >= part * count)
  return Math.min(BUCKET_BOUNDS_MS[index] ?? maxMs, maxMs)
}

function rowOf(
  { counters, row }: Entry,
  past: Counters | undefined,
  elapsedMs: number | undefined,
  { process: { pid, threadId } }: Snapshot,
): TopRow {
  const rate = (name: keyof Counters): number | undefined =>
    elapsedMs === undefined ? undefined : perSecond(counters[name], past?.[name], elapsedMs)
  return {
    pid,
    threadId,
    kind: row.kind,
    name: row.name,
    peer: row.peer ?? '',
    messagesPerSecond: rate('messages'),
    bytesPerSecond: rate('bytes'),
    depthBytes: row.depthBytes,
    highWaterBytes: row.highWaterBytes,
    wakesPerSecond: rate('wakes'),
    spinsPerSecond: rate('spins'),
    drops: row.drops,
    lag: row.lag,
  }
}

/** By key. */
function entriesOf(one: Snapshot, newest: ReadonlyMap<string, number>): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  for (const entry of [
    ...channelEntries(one),
    ...serviceEntries(one),
    ...messagingEntries(one, newest),
    ...gatewayEntries(one),
  ]) {
    const present = entries.get(entry.key)
    entries.set(entry.key, present === undefined ? entry : mergedOf(present, entry))
  }
  return entries
}

/** Services on channels have no address, and gateways of a program's own server have none. */
function mergedOf(a: Entry, b: Entry): Entry {
  return {
    key: a.key,
    isEnded: a.isEnded === true && b.isEnded === true,
    counters: { messages: (a.counters.messages ?? 0) + (b.counters.messages ?? 0) },
    row: {
      ...a.row,
      drops: (a.row.drops ?? 0) + (b.row.drops ?? 0),
      lag: (a.row.lag ?? 0) + (b.row.lag ?? 0),
    },
  }
}

function serviceEntries({ services, endedMethods }: Snapshot): Entry[] {
  const live = services.flatMap(({ address, service, methods }) =>
    methods.map((method) => ({ address, service, isEnded: false, ...method })),
  )
  const ended = endedMethods.map((method) => ({ ...method, running: 0, isEnded: true }))
  return [...live, ...ended]
    .filter(({ service }) => !service.startsWith('shmwire.'))
    .map(({ address, service, errors, running, latency, isEnded }) => ({
      key: `service ${address} ${service}`,
      isEnded,
      counters: { messages: latency.count },
      row: { kind: 'service', name: joined(address, service), drops: errors, lag: running },
    }))
}

function gatewayEntries({ gateways, endedGateways }: Snapshot): Entry[] {
  const live = gateways.map((gateway) => ({ isEnded: false, ...gateway }))
  const ended = endedGateways.map((gateway) => ({ ...gateway, running: 0, isEnded: true }))
  return [...live, ...ended].map((one) => ({
    key: `gateway ${one.gateway} ${one.address}`,
    isEnded: one.isEnded,
    counters: { messages: one.latency.count },
    row: {
      kind: 'gateway',
      name: joined(one.gateway, one.address),
      drops: one.clientErrors + one.serverErrors,
      lag: one.running,
    },
  }))
}

function channelEntries({ channels }: Snapshot): Entry[] {
  return channels.map((channel) => ({
    key: `channel ${channel.id}`,
    counters: {
      messages: channel.messagesSent + channel.messagesReceived,
      bytes: channel.bytesSent + channel.bytesReceived,
      wakes: channel.wakesSent + channel.wakesReceived,
      spins: channel.spins,
    },
    row: {
      kind: 'channel',
      name: channel.address === '' ? `(${channel.role})` : channel.address,
      peer: `${channel.role === 'client' ? '→' : '←'} ${channel.transport} ${channel.peerPid ?? '?'}`,
      depthBytes: channel.depthBytes,
      highWaterBytes: channel.highWaterBytes,
    },
  }))
}

function messagingEntries(
  { topics, subscriptions, cells, queues }: Snapshot,
  newest: ReadonlyMap<string, number>,
): Entry[] {
  return [
    ...topics.map(
      ({ address, name, epoch, sequence, bytes, subscribers, disconnected, wakesSent }): Entry => ({
        key: `topic ${epoch}`,
        counters: { messages: sequence, bytes, wakes: wakesSent },
        row: {
          kind: 'topic',
          name: joined(address, name),
          peer: `subscribers: ${subscribers}`,
          drops: disconnected,
        },
      }),
    ),
    ...subscriptions.map((subscription): Entry => {
      const { id, address, name, transport, received, lost, filtered } = subscription
      return {
        key: `subscription ${id}`,
        counters: { messages: received + filtered },
        row: {
          kind: 'subscription',
          name: joined(address, name),
          peer: `← ${transport}`,
          drops: lost,
          lag: lagOf(subscription, newest),
        },
      }
    }),
    ...cells.map(
      ({ address, name, version, watchers }): Entry => ({
        key: `cell ${address} ${name}`,
        counters: { messages: version },
        row: { kind: 'cell', name: joined(address, name), peer: `watchers: ${watchers}` },
      }),
    ),
    ...queues.map(
      ({ address, name, pushed, bytes, waiting, dead, deadDropped, workers }): Entry => ({
        key: queueKey(address, name),
        counters: { messages: pushed },
        row: {
          kind: 'queue',
          name: joined(address, name),
          peer: `workers: ${workers}${dead === 0 ? '' : `, dead: ${dead}`}`,
          depthBytes: bytes,
          drops: deadDropped,
          lag: waiting,
        },
      }),
    ),
  ]
}

function joined(first: string, second: string): string {
  return [first, second].filter((part) => part !== '').join(' ')
}
