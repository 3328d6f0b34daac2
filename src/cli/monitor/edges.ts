/** The channels between processes, from both ends that answered. */
import type { ChannelFigures, Snapshot } from '../../observe/figures.js'
import { formatRate } from '../figures.js'
import { loopMs, perSecond } from '../top/top-rows.js'
import type { MonitorEdge, MonitorNode } from './frame.js'

const ADDRESSES_MAX = 4

/** One end of the channels of two nodes, an address and a transport. */
interface End {
  channels: number
  toServer: number
  toClient: number
  bytes: number
  fullWaits: number
}

interface Pair {
  readonly from: string
  readonly to: string
  readonly transport: string
  readonly address: string
  readonly ends: { server?: End; client?: End }
  /** Messages of topics, which no channel counts. */
  published: number
}

export interface Edges {
  readonly edges: MonitorEdge[]
  /** The nodes at the other ends that did not answer. */
  readonly others: MonitorNode[]
}

export function processNode(pid: number): string {
  return `process ${pid}`
}

export function edgesOf(before: readonly Snapshot[], now: readonly Snapshot[]): Edges {
  const earlier = new Map(before.map((one) => [one.id, one]))
  const answered = new Set(now.map((one) => processNode(one.process.pid)))
  const others = new Map<string, MonitorNode>()
  const pairs = new Map<string, Pair>()
  for (const one of now) {
    const previous = earlier.get(one.id)
    const past = new Map(previous?.channels.map((channel) => [channel.id, channel]))
    const elapsedMs = loopMs(one) - (previous === undefined ? 0 : loopMs(previous))
    for (const channel of one.channels) {
      const self = processNode(one.process.pid)
      const other = otherNode(self, channel)
      if (!answered.has(other.id)) others.set(other.id, other)
      addEnd(pairs, self, other.id, channel, past.get(channel.id), elapsedMs)
    }
  }
  addTopics(pairs, earlier, now)
  return { edges: merged(pairs), others: [...others.values()] }
}

function otherNode(self: string, { role, transport, peerPid, address }: ChannelFigures): MonitorNode {
  const none = { threads: 0, warnings: [] }
  if (peerPid !== undefined && peerPid > 0)
    return {
      id: processNode(peerPid),
      kind: 'client',
      pid: peerPid,
      title: 'process without figures',
      ...none,
    }
  // All unknown peers of a server and transport are one node, so that their number is bounded.
  const title =
    role === 'client' ? address : role === 'server' ? `clients over ${transport}` : 'stream of the program'
  return { id: `remote ${self} ${role} ${transport}`, kind: 'remote', title, ...none }
}

function addEnd(
  pairs: Map<string, Pair>,
  self: string,
  other: string,
  channel: ChannelFigures,
  past: ChannelFigures | undefined,
  elapsedMs: number,
): void {
  const isClient = channel.role === 'client'
  const [from, to] = isClient ? [self, other] : [other, self]
  const pair = pairOf(pairs, from, to, channel.transport, channel.address)
  const side = isClient ? 'client' : 'server'
  const end = pair.ends[side] ?? { channels: 0, toServer: 0, toClient: 0, bytes: 0, fullWaits: 0 }
  pair.ends[side] = end
  const rate = (
    name: 'messagesSent' | 'messagesReceived' | 'bytesSent' | 'bytesReceived' | 'fullWaits',
  ): number => perSecond(channel[name], past?.[name], elapsedMs) ?? 0
  end.channels += 1
  end.toServer += rate(isClient ? 'messagesSent' : 'messagesReceived')
  end.toClient += rate(isClient ? 'messagesReceived' : 'messagesSent')
  end.bytes += rate('bytesSent') + rate('bytesReceived')
  if (past !== undefined) end.fullWaits += rate('fullWaits')
}

function pairOf(
  pairs: Map<string, Pair>,
  from: string,
  to: string,
  transport: string,
  address: string,
): Pair {
  const key = JSON.stringify([from, to, transport, address])
  const pair = pairs.get(key) ?? { from, to, transport, address, ends: {}, published: 0 }
  pairs.set(key, pair)
  return pair
}

/** A topic in shared memory writes to a segment that all subscribers read, so their channels do not count its messages. */
function addTopics(
  pairs: Map<string, Pair>,
  earlier: ReadonlyMap<string, Snapshot>,
  now: readonly Snapshot[],
): void {
  const publishers = new Map(
    now.flatMap((one) => one.topics.map(({ epoch }) => [epoch, processNode(one.process.pid)])),
  )
  for (const one of now) {
    const previous = earlier.get(one.id)
    if (previous === undefined) continue
    const past = new Map(previous.subscriptions.map((subscription) => [subscription.id, subscription]))
    for (const { id, epoch, transport, address, received, filtered } of one.subscriptions) {
      const publisher = publishers.get(epoch)
      const known = past.get(id)
      if (publisher === undefined || known === undefined || transport !== 'shm') continue
      const pair = pairOf(pairs, processNode(one.process.pid), publisher, transport, address)
      const elapsedMs = loopMs(one) - loopMs(previous)
      pair.published += perSecond(received + filtered, known.received + known.filtered, elapsedMs) ?? 0
    }
  }
}

/** One edge for all addresses of two nodes and a transport. */
function merged(pairs: ReadonlyMap<string, Pair>): MonitorEdge[] {
  const groups = new Map<string, Pair[]>()
  for (const pair of pairs.values()) {
    const key = `${pair.from} > ${pair.to} ${pair.transport}`
    groups.set(key, [...(groups.get(key) ?? []), pair])
  }
  return [...groups].map(([key, group]) => {
    const [{ from, to, transport }] = group as [Pair]
    const total = (figure: keyof End): number => sum(group.map(({ ends }) => largest(ends, figure)))
    const published = sum(group.map((pair) => pair.published))
    const toServer = total('toServer')
    const toClient = total('toClient') + published
    // Both ends wait on their own.
    const fullWaits = sum(
      group.map(({ ends }) => (ends.server?.fullWaits ?? 0) + (ends.client?.fullWaits ?? 0)),
    )
    return {
      key,
      from,
      to,
      transport,
      channels: total('channels'),
      messagesPerSecond: toServer + toClient,
      bytesPerSecond: total('bytes'),
      isReversed: toClient > toServer,
      addresses: [...new Set(group.map(({ address }) => address))]
        .filter((address) => address !== '')
        .slice(0, ADDRESSES_MAX),
      warning: fullWaits > 0 ? `a channel is full: ${formatRate(fullWaits)} writes wait` : undefined,
    }
  })
}

/** Both ends count the same messages, at different times. */
function largest({ server, client }: Pair['ends'], figure: keyof End): number {
  return Math.max(server?.[figure] ?? 0, client?.[figure] ?? 0)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
