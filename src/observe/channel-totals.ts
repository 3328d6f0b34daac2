/**
 * The channels of this thread, by address. A channel keeps its own counters, and adds them to those of its group once, when it ends. So the
 * counters of a group never decrease.
 */
import { ShmwireError } from '../errors.js'
import type { ChannelStats } from '../stats.js'
import type { ChannelFigures, ChannelGroupFigures, ChannelRole } from './figures.js'

/** Where a channel came from. */
export interface ChannelOrigin {
  readonly role: ChannelRole
  /** Of the server. */
  readonly address: string
}

/** The part of a channel that is read. */
export interface ObservedChannel {
  readonly transport: string
  readonly peer: { readonly pid: number | undefined }
  stats(): ChannelStats
}

/** A program can connect to any number of addresses. Further ones share a group without an address for each role and transport. */
const GROUPS_MAX = 256

/** The counters that only grow. */
const COUNTERS = [
  'messagesSent',
  'bytesSent',
  'messagesReceived',
  'bytesReceived',
  'wakesSent',
  'wakesReceived',
  'spins',
  'fullWaits',
] as const satisfies readonly (keyof ChannelStats)[]

/** Those that are counted in open channels only. */
const GAUGES = [
  'outboxRecords',
  'outboxBytes',
  'requestsOpen',
  'requestsRunning',
  'depthBytes',
] as const satisfies readonly (keyof ChannelStats)[]

class ChannelGroup {
  readonly #origin: ChannelOrigin
  readonly #transport: string
  /** Weak, because a program can forget a channel that has ended but holds messages. */
  readonly #open = new Map<WeakRef<ObservedChannel>, number>()
  readonly #past: ChannelStats = newStats()
  readonly #ended: Record<string, number> = {}
  #opened = 0

  constructor(origin: ChannelOrigin, transport: string) {
    this.#origin = origin
    this.#transport = transport
  }

  add(channel: ObservedChannel): WeakRef<ObservedChannel> {
    const reference = new WeakRef(channel)
    lastId += 1
    this.#open.set(reference, lastId)
    this.#opened += 1
    return reference
  }

  remove(reference: WeakRef<ObservedChannel>, error: Error | undefined): void {
    const channel = reference.deref()
    if (!this.#open.delete(reference) || channel === undefined) return
    const stats = channel.stats()
    for (const name of COUNTERS) this.#past[name] += stats[name]
    this.#past.highWaterBytes = Math.max(this.#past.highWaterBytes, stats.highWaterBytes)
    const reason = reasonOf(error)
    this.#ended[reason] = (this.#ended[reason] ?? 0) + 1
  }

  /** The sums. Calls `onChannel` with each open channel. */
  read(onChannel: (figures: () => ChannelFigures) => void): ChannelGroupFigures {
    const sum = { ...this.#past }
    for (const [channel, id] of this.#present()) {
      const stats = channel.stats()
      for (const name of COUNTERS) sum[name] += stats[name]
      for (const name of GAUGES) sum[name] += stats[name]
      sum.highWaterBytes = Math.max(sum.highWaterBytes, stats.highWaterBytes)
      onChannel(() => ({ id, ...this.#labels(), peerPid: channel.peer.pid, ...stats }))
    }
    return {
      ...this.#labels(),
      open: this.#open.size,
      opened: this.#opened,
      ended: { ...this.#ended },
      ...sum,
    }
  }

  *#present(): Generator<[channel: ObservedChannel, id: number]> {
    for (const [reference, id] of this.#open) {
      const channel = reference.deref()
      if (channel === undefined) this.#open.delete(reference)
      else yield [channel, id]
    }
  }

  #labels(): Pick<ChannelFigures, 'role' | 'address' | 'transport'> {
    return { ...this.#origin, transport: this.#transport }
  }
}

let lastId = 0
const groups = new Map<string, ChannelGroup>()

/** Lists the channel. Call the returned function once, when it has ended. */
export function observeChannel(
  channel: ObservedChannel,
  origin: ChannelOrigin,
): (error: Error | undefined) => void {
  const group = groupOf(origin, channel.transport)
  const reference = group.add(channel)
  return (error) => group.remove(reference, error)
}

/** All channels, each of which is read once. */
export interface ReadChannels {
  readonly groups: readonly ChannelGroupFigures[]
  /** Of open channels: those of each group in the order in which they were opened. */
  readonly rows: ChannelFigures[]
  /** Further open channels. */
  readonly omitted: number
}

/** @param rowsMax so many rows of open channels at most */
export function readChannels(rowsMax: number): ReadChannels {
  const rows: ChannelFigures[] = []
  let omitted = 0
  const onChannel = (figures: () => ChannelFigures): void => {
    if (rows.length < rowsMax) rows.push(figures())
    else omitted += 1
  }
  const all = [...groups.values()].map((group) => group.read(onChannel))
  return { groups: all, rows, omitted }
}

function groupOf({ role, address }: ChannelOrigin, transport: string): ChannelGroup {
  const key = `${role} ${transport} ${address}`
  const present = groups.get(key)
  if (present !== undefined) return present
  if (groups.size >= GROUPS_MAX && address !== '') return groupOf({ role, address: '' }, transport)
  const group = new ChannelGroup({ role, address }, transport)
  groups.set(key, group)
  return group
}

/** Codes are few, and messages of errors are not. */
function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'closed'
  return error instanceof ShmwireError ? error.code : 'other'
}

function newStats(): ChannelStats {
  return {
    messagesSent: 0,
    bytesSent: 0,
    messagesReceived: 0,
    bytesReceived: 0,
    wakesSent: 0,
    wakesReceived: 0,
    spins: 0,
    fullWaits: 0,
    outboxRecords: 0,
    outboxBytes: 0,
    requestsOpen: 0,
    requestsRunning: 0,
    depthBytes: 0,
    highWaterBytes: 0,
  }
}
