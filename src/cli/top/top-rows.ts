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
  /** Since the start: lost messages, dropped subscribers, dead jobs, failed calls and requests. */
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
  /** The same row has the same key in each snapshot of the thread. */
  readonly key: string
  readonly counters: Counters
  readonly row: Pick<TopRow, 'kind' | 'name'> &
    Partial<Pick<TopRow, 'peer' | 'depthBytes' | 'highWaterBytes' | 'drops' | 'lag'>>
}

const SECOND_MS = 1_000
const PERCENT = 100
const P99 = 0.99

/** @param before of the same threads, for the rates; a new row has the rates since its start */
export function topRows(before: readonly Snapshot[], now: readonly Snapshot[]): TopRow[] {
  const earlier = new Map(before.map((one) => [one.id, one]))
  const newest = newestSequences(now)
  return now.flatMap((one) => {
    const previous = earlier.get(one.id)
    const past = new Map(
      previous === undefined ? [] : entriesOf(previous, newest).map(({ key, counters }) => [key, counters]),
    )
    const elapsedMs = loopMs(one) - (previous === undefined ? 0 : loopMs(previous))
    return entriesOf(one, newest).map((entry) => rowOf(entry, past.get(entry.key), elapsedMs, one))
  })
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

/** By the monotonic clock of the thread: since it began. */
function loopMs({ eventLoop }: Snapshot): number {
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
  elapsedMs: number,
  { process: { pid, threadId } }: Snapshot,
): TopRow {
  const rate = (name: keyof Counters): number | undefined => {
    const value = counters[name]
    if (value === undefined) return undefined
    const growth = Math.max(0, value - (past?.[name] ?? 0))
    return elapsedMs > 0 ? (growth / elapsedMs) * SECOND_MS : 0
  }
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

function entriesOf(one: Snapshot, newest: ReadonlyMap<string, number>): Entry[] {
  return [
    ...channelEntries(one),
    ...one.services
      .filter(({ service }) => !service.startsWith('shmwire.'))
      .map(({ address, service, methods }): Entry => {
        const sum = (read: (method: (typeof methods)[number]) => number): number =>
          methods.reduce((total, method) => total + read(method), 0)
        return {
          key: `service ${address} ${service}`,
          counters: { messages: sum(({ latency }) => latency.count) },
          row: {
            kind: 'service',
            name: joined(address, service),
            drops: sum(({ errors }) => errors),
            lag: sum(({ running }) => running),
          },
        }
      }),
    ...messagingEntries(one, newest),
    ...one.gateways.map(
      ({ gateway, address, latency, running, clientErrors, serverErrors }): Entry => ({
        key: `gateway ${gateway} ${address}`,
        counters: { messages: latency.count },
        row: {
          kind: 'gateway',
          name: joined(gateway, address),
          drops: clientErrors + serverErrors,
          lag: running,
        },
      }),
    ),
  ]
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
          peer: `${subscribers} subscribers`,
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
        row: { kind: 'cell', name: joined(address, name), peer: `${watchers} watchers` },
      }),
    ),
    ...queues.map(
      ({ address, name, pushed, bytes, waiting, dead, workers }): Entry => ({
        key: `queue ${address} ${name}`,
        counters: { messages: pushed },
        row: {
          kind: 'queue',
          name: joined(address, name),
          peer: `${workers} workers`,
          depthBytes: bytes,
          drops: dead,
          lag: waiting,
        },
      }),
    ),
  ]
}

function joined(first: string, second: string): string {
  return [first, second].filter((part) => part !== '').join(' ')
}
