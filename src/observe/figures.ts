/** The shape of a snapshot (docs/observability.md, "The snapshot"). A member never changes its meaning; unknown members are ignored. */
import type { ChannelStats } from '../stats.js'
import type { HistogramFigures } from './latency-histogram.js'

/** Another shape has another number. */
export const SNAPSHOT_VERSION = 1 as const

/** The figures of one thread of a process, and of the process. Counters begin at 0 when their owner begins. */
export interface Snapshot {
  readonly version: 1
  /** Random: all servers of one thread answer with the same one. */
  readonly id: string
  /** When it was made, in milliseconds since 1970, by the clock of the process. */
  readonly atMs: number
  readonly process: ProcessFigures
  readonly eventLoop: EventLoopFigures
  readonly servers: readonly ServerFigures[]
  /** The channels of each address, closed ones included. */
  readonly channelGroups: readonly ChannelGroupFigures[]
  /** The open channels. */
  readonly channels: readonly ChannelFigures[]
  readonly services: readonly ServiceFigures[]
  readonly topics: readonly TopicFigures[]
  readonly subscriptions: readonly SubscriptionFigures[]
  readonly cells: readonly CellFigures[]
  readonly queues: readonly QueueFigures[]
  readonly gateways: readonly GatewayFigures[]
  /** The counters of ended services, subscriptions and gateways: one sum for each set of names. */
  readonly endedMethods: readonly EndedMethodFigures[]
  readonly endedSubscriptions: readonly EndedSubscriptionFigures[]
  readonly endedGateways: readonly EndedGatewayFigures[]
  /** How many rows of each list are left out, because a snapshot has a limited size. */
  readonly omitted: Readonly<Record<string, number>>
}

export interface ProcessFigures {
  readonly pid: number
  /** Of `node:worker_threads`. 0 is the main thread. */
  readonly threadId: number
  /** The command, for people: the name of the program's file. */
  readonly title: string
  readonly nodeVersion: string
  readonly startedAtMs: number
  readonly cpuUserMs: number
  readonly cpuSystemMs: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  /** Memory of C++ objects and buffers, of this thread. */
  readonly externalBytes: number
  /** Undefined: the system does not report it. */
  readonly openDescriptors?: number | undefined
  /** Undefined: the system does not report it, or there is no limit. */
  readonly maxDescriptors?: number | undefined
}

/** Of one thread. */
export interface EventLoopFigures {
  readonly activeMs: number
  readonly idleMs: number
  /** By how much timers were late. Measured only while programs take snapshots; otherwise it stands still. */
  readonly delay: HistogramFigures
}

export interface ServerFigures {
  readonly address: string
  readonly transport: string
  readonly startedAtMs: number
  readonly channelsOpen: number
  readonly handshakesOpen: number
  /** Clients that were refused or that failed during the handshake. */
  readonly handshakesFailed: number
  /** Clients that follow what the server announces, without those that read its counters. */
  readonly observers: number
}

/** `server`: the other side connected. `client`: this side did. `stream`: over a stream of the program. */
export type ChannelRole = 'server' | 'client' | 'stream'

/** The channels of one address, role and transport since the start of the thread: the sum of their counters. */
export interface ChannelGroupFigures extends ChannelStats {
  readonly role: ChannelRole
  readonly address: string
  readonly transport: string
  readonly open: number
  /** Those that were ever opened. */
  readonly opened: number
  /** Of those that have ended: how many in order (`closed`), with each code of an error, and with other errors (`other`). */
  readonly ended: Readonly<Record<string, number>>
}

/** One open channel. */
export interface ChannelFigures extends ChannelStats {
  /** Another one for each channel of the thread. */
  readonly id: number
  readonly role: ChannelRole
  readonly address: string
  readonly transport: string
  readonly peerPid?: number | undefined
}

export interface ServiceFigures {
  /** Of the server. Empty for a service on a single channel. */
  readonly address: string
  readonly service: string
  readonly methods: readonly MethodFigures[]
}

export interface MethodFigures {
  readonly method: string
  readonly errors: number
  readonly running: number
  /** From the arrival of a call to its answer. Its count is the number of calls that have ended. */
  readonly latency: HistogramFigures
}

export interface TopicFigures {
  readonly address: string
  readonly name: string
  readonly epoch: string
  /** Of the newest message: the number of messages that were published. */
  readonly sequence: number
  readonly bytes: number
  readonly subscribers: number
  /** Subscribers that were disconnected because they were too slow. */
  readonly disconnected: number
  readonly wakesSent: number
}

export interface SubscriptionFigures {
  /** Another one for each subscription of the thread. */
  readonly id: number
  readonly address: string
  readonly name: string
  readonly epoch: string
  readonly transport: string
  /** Of the last message that was received, lost or filtered. The topic's `sequence` minus this one is the lag. */
  readonly sequence: number
  readonly received: number
  readonly lost: number
  readonly filtered: number
}

export interface CellFigures {
  readonly address: string
  readonly name: string
  /** The number of values that were set. */
  readonly version: number
  readonly watchers: number
}

export interface QueueFigures {
  readonly address: string
  readonly name: string
  readonly waiting: number
  readonly delayed: number
  readonly leased: number
  readonly dead: number
  readonly bytes: number
  readonly workers: number
  readonly pushed: number
  readonly completed: number
  readonly failed: number
  readonly redelivered: number
  readonly deadDropped: number
}

export interface GatewayFigures {
  readonly gateway: 'rest' | 'grpc'
  /** Empty if the program listens itself. */
  readonly address: string
  /** Requests that are answered now, streams included. */
  readonly running: number
  /** Of these, streams. */
  readonly streams: number
  /** Requests that failed because of the client: 4xx, or the codes of gRPC that mean the same. */
  readonly clientErrors: number
  /** Requests that failed because of the gateway or the service: 5xx, or the codes of gRPC that mean the same. */
  readonly serverErrors: number
  /** From the arrival of a request to the end of its answer. Its count is the number of requests that have ended. */
  readonly latency: HistogramFigures
}

/** Of the ended services with this address and name. */
export interface EndedMethodFigures
  extends Pick<ServiceFigures, 'address' | 'service'>,
    Omit<MethodFigures, 'running'> {}

/** Of the ended subscriptions to this topic. */
export type EndedSubscriptionFigures = Pick<
  SubscriptionFigures,
  'address' | 'name' | 'received' | 'lost' | 'filtered'
>

/** Of the ended gateways of this sort with this address. */
export type EndedGatewayFigures = Omit<GatewayFigures, 'running' | 'streams'>
