/**
 * The messages of the server to its pages: one frame for each interval. The page is compiled for the browser and imports these types, so this file imports
 * nothing. A member that is undefined has no such figure.
 */

export interface MonitorFrame {
  /** When it was made, in milliseconds since 1970. */
  readonly atMs: number
  readonly nodes: readonly MonitorNode[]
  readonly edges: readonly MonitorEdge[]
  readonly rows: readonly MonitorRow[]
  readonly unanswered: readonly { readonly address: string; readonly message: string }[]
  /** Nodes, edges and rows that are left out: the monitor has bounds, and so has each snapshot. */
  readonly omitted: number
  /** The rates are those since the start of the processes, because there was no reading before. */
  readonly isFirst: boolean
  /** Why nothing could be read. */
  readonly fault?: string | undefined
}

/** `process`: it answered. `client`: only its process id is known, because it has no server or does not answer. `remote`: not a process of this machine, or not known. */
export type NodeKind = 'process' | 'client' | 'remote'

export interface MonitorNode {
  readonly id: string
  readonly kind: NodeKind
  readonly pid?: number | undefined
  /** The program. */
  readonly title: string
  readonly nodeVersion?: string | undefined
  /** Threads that answered. */
  readonly threads: number
  readonly cpuPercent?: number | undefined
  /** Of the busiest thread. */
  readonly loopPercent?: number | undefined
  readonly loopDelayP99Ms?: number | undefined
  readonly residentBytes?: number | undefined
  readonly heapUsedBytes?: number | undefined
  readonly openDescriptors?: number | undefined
  readonly warnings: readonly string[]
}

/** The channels from a client to a server over one transport. */
export interface MonitorEdge {
  readonly key: string
  /** The id of the client. */
  readonly from: string
  /** The id of the server. */
  readonly to: string
  readonly transport: string
  readonly channels: number
  /** In both directions, with the messages of topics. */
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** Most messages go to the client. */
  readonly isReversed: boolean
  /** At most a few. */
  readonly addresses: readonly string[]
  readonly warning?: string | undefined
}

export type MonitorRowKind = 'channel' | 'service' | 'topic' | 'subscription' | 'cell' | 'queue' | 'gateway'

export interface MonitorRow {
  readonly key: string
  /** The id of the process. */
  readonly node: string
  readonly kind: MonitorRowKind
  readonly name: string
  readonly peer: string
  readonly messagesPerSecond?: number | undefined
  readonly bytesPerSecond?: number | undefined
  readonly depthBytes?: number | undefined
  readonly drops?: number | undefined
  readonly dropsPerSecond?: number | undefined
  readonly lag?: number | undefined
  readonly warning?: string | undefined
}

/** The first message to a page. */
export interface MonitorAbout {
  readonly version: string
  readonly runtime: string
  /** The system and the processor, without a name of the machine or the user. */
  readonly system: string
  readonly intervalMs: number
}
