import type { Snapshot } from '../../src/observe/figures.js'
import { BUCKET_BOUNDS_MS } from '../../src/observe/latency-histogram.js'

const STATS = {
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

/** After so many milliseconds, a channel that sends 1000 messages of 2 KiB a second. */
export function snapshotAt(ms: number): Snapshot {
  const delay = {
    count: ms / 20,
    sumMs: ms / 20,
    maxMs: 1,
    buckets: BUCKET_BOUNDS_MS.map((bound) => (bound >= 1 ? ms / 20 : 0)),
  }
  return {
    version: 1,
    id: 'a',
    atMs: 0,
    process: {
      pid: 42,
      threadId: 0,
      title: 'server.mjs',
      nodeVersion: 'v20',
      startedAtMs: 0,
      cpuUserMs: ms / 4,
      cpuSystemMs: ms / 4,
      residentBytes: 50 * 1024 * 1024,
      heapUsedBytes: 0,
      heapTotalBytes: 0,
      externalBytes: 0,
      openDescriptors: 21,
    },
    eventLoop: { activeMs: ms / 5, idleMs: (4 * ms) / 5, delay },
    servers: [],
    channelGroups: [],
    channels: [
      {
        id: 1,
        role: 'server',
        address: 'prices',
        transport: 'shm',
        peerPid: 7,
        ...STATS,
        messagesSent: ms,
        bytesSent: ms * 2048,
        wakesSent: ms / 10,
        spins: ms / 2,
        depthBytes: 512,
        highWaterBytes: 4096,
      },
    ],
    services: [],
    topics: [
      {
        address: 't',
        name: '',
        epoch: 'e',
        sequence: 9,
        bytes: 0,
        subscribers: 1,
        disconnected: 0,
        wakesSent: 0,
      },
    ],
    subscriptions: [
      {
        id: 1,
        address: 't',
        name: '',
        epoch: 'e',
        transport: 'shm',
        sequence: 4,
        received: 3,
        lost: 1,
        filtered: 0,
      },
    ],
    cells: [],
    queues: [],
    gateways: [],
    endedMethods: [],
    endedSubscriptions: [],
    endedGateways: [],
    omitted: {},
  }
}
