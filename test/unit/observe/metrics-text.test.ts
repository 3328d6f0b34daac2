import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { SNAPSHOT_VERSION, type Snapshot } from '../../../src/observe/figures.js'
import { BUCKET_BOUNDS_MS, type HistogramFigures } from '../../../src/observe/latency-histogram.js'
import { METRICS } from '../../../src/observe/metric-table.js'
import { metricsOfSnapshots, metricsText } from '../../../src/observe/metrics-text.js'

const HISTOGRAM: HistogramFigures = {
  count: 3,
  sumMs: 1_500,
  maxMs: 1_000,
  buckets: BUCKET_BOUNDS_MS.map((bound) => (bound >= 1 ? 2 : 0)),
}
const STATS = {
  messagesSent: 1,
  bytesSent: 2,
  messagesReceived: 3,
  bytesReceived: 4,
  wakesSent: 5,
  wakesReceived: 6,
  spins: 7,
  fullWaits: 8,
  outboxRecords: 9,
  outboxBytes: 10,
  requestsOpen: 11,
  requestsRunning: 12,
  depthBytes: 13,
  highWaterBytes: 14,
}
const PLACE = { address: 'ticks', name: '' }

/** A snapshot that has a row of each sort. */
function full(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    version: SNAPSHOT_VERSION,
    id: 'a',
    atMs: 1_000,
    process: {
      pid: 42,
      threadId: 0,
      title: 'server.mjs',
      nodeVersion: 'v20.0.0',
      startedAtMs: 500,
      cpuUserMs: 250,
      cpuSystemMs: 50,
      residentBytes: 1,
      heapUsedBytes: 2,
      heapTotalBytes: 3,
      externalBytes: 4,
      openDescriptors: 5,
      maxDescriptors: 6,
    },
    eventLoop: { activeMs: 1, idleMs: 2, delay: HISTOGRAM },
    servers: [
      {
        address: 'prices',
        transport: 'unix',
        startedAtMs: 600,
        channelsOpen: 1,
        handshakesOpen: 2,
        handshakesFailed: 3,
        observers: 4,
      },
    ],
    channelGroups: [
      {
        role: 'server',
        address: 'prices',
        transport: 'shm',
        open: 1,
        opened: 3,
        ended: { closed: 1, ERR_SHMWIRE_PEER_GONE: 1 },
        ...STATS,
      },
    ],
    channels: [{ id: 1, role: 'server', address: 'prices', transport: 'shm', peerPid: 43, ...STATS }],
    services: [
      {
        address: 'users',
        service: 'UserService',
        methods: [{ method: 'getUser', errors: 1, running: 2, latency: HISTOGRAM }],
      },
    ],
    topics: [
      { ...PLACE, epoch: 'e', sequence: 10, bytes: 20, subscribers: 1, disconnected: 2, wakesSent: 3 },
    ],
    subscriptions: [
      { id: 1, ...PLACE, epoch: 'e', transport: 'shm', sequence: 7, received: 5, lost: 1, filtered: 1 },
    ],
    cells: [{ ...PLACE, version: 3, watchers: 1 }],
    queues: [
      {
        ...PLACE,
        waiting: 1,
        delayed: 2,
        leased: 3,
        dead: 4,
        bytes: 5,
        workers: 6,
        pushed: 7,
        completed: 8,
        failed: 9,
        redelivered: 10,
        deadDropped: 11,
      },
    ],
    gateways: [
      {
        gateway: 'rest',
        address: '127.0.0.1:80',
        running: 1,
        streams: 2,
        clientErrors: 3,
        serverErrors: 4,
        latency: HISTOGRAM,
      },
    ],
    endedMethods: [],
    endedSubscriptions: [],
    endedGateways: [],
    omitted: {},
    ...changes,
  }
}

function linesOf(text: string, start: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(start))
}

const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool) console.log('skipped: apt-get install prometheus: the program promtool is missing')

describe('the text for Prometheus', () => {
  it('has each metric of the table, with its help and type before its series', () => {
    const text = metricsOfSnapshots([full()])
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      const at = text.indexOf(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}`)
      expect(at, name).toBeGreaterThanOrEqual(0)
    }
    expect(text.endsWith('\n')).toBe(true)
  })

  it('states seconds, labels and cumulative buckets', () => {
    const text = metricsOfSnapshots([full()])
    const cpu = 'shmwire_process_cpu_seconds_total{pid="42",mode="user"} 0.25'
    expect(linesOf(text, 'shmwire_process_cpu_seconds_total')).toContain(cpu)
    const labels = 'pid="42",thread="0",address="users",service="UserService",method="getUser"'
    const calls = linesOf(text, 'shmwire_service_call_duration_seconds')
    expect(calls).toContain(`shmwire_service_call_duration_seconds_bucket{${labels},le="0.0005"} 0`)
    expect(calls).toContain(`shmwire_service_call_duration_seconds_bucket{${labels},le="0.001"} 2`)
    expect(calls).toContain(`shmwire_service_call_duration_seconds_bucket{${labels},le="+Inf"} 3`)
    expect(calls).toContain(`shmwire_service_call_duration_seconds_sum{${labels}} 1.5`)
    expect(calls).toContain(`shmwire_service_call_duration_seconds_count{${labels}} 3`)
    expect(calls).toHaveLength(BUCKET_BOUNDS_MS.length + 3)
  })

  it('states the lag of a subscription whose topic is in another process', () => {
    const topic = full({ subscriptions: [] })
    const subscriber = full({ id: 'b', topics: [], process: { ...full().process, pid: 43 } })
    const lag = linesOf(metricsOfSnapshots([topic, subscriber]), 'shmwire_subscription_lag_messages{')
    expect(lag).toEqual(['shmwire_subscription_lag_messages{pid="43",thread="0",address="ticks",name=""} 3'])
    expect(metricsOfSnapshots([subscriber])).not.toContain('shmwire_subscription_lag_messages')
  })

  it('adds rows with the same labels, and keeps the largest of maxima', () => {
    const [first] = full().channelGroups
    const groups = [first, { ...first, highWaterBytes: 99 }] as Snapshot['channelGroups']
    const text = metricsOfSnapshots([full({ channelGroups: groups })])
    expect(linesOf(text, 'shmwire_channel_messages_sent_total{')).toEqual([
      expect.stringMatching(/ 2$/) as string,
    ])
    expect(linesOf(text, 'shmwire_channel_high_water_bytes{')).toEqual([
      expect.stringMatching(/ 99$/) as string,
    ])
  })

  it('counts the CPU time of a process with several threads once', () => {
    const thread = full({ id: 'b', process: { ...full().process, threadId: 3, cpuUserMs: 300 } })
    const text = metricsOfSnapshots([full(), thread])
    const user = linesOf(text, 'shmwire_process_cpu_seconds_total{pid="42",mode="user"')
    expect(user).toEqual(['shmwire_process_cpu_seconds_total{pid="42",mode="user"} 0.3'])
  })

  it('counts the time of an event loop with two copies of the package once', () => {
    const text = metricsOfSnapshots([full(), full({ id: 'b' })])
    const active = linesOf(text, 'shmwire_event_loop_active_seconds_total{')
    expect(active).toEqual(['shmwire_event_loop_active_seconds_total{pid="42",thread="0"} 0.001'])
    const external = linesOf(text, 'shmwire_process_external_memory_bytes{')
    expect(external).toEqual(['shmwire_process_external_memory_bytes{pid="42",thread="0"} 4'])
  })

  it('escapes the values of labels', () => {
    const [topic] = full().topics
    const topics = [{ ...topic, name: 'a"b\\c\nd' }] as Snapshot['topics']
    expect(metricsOfSnapshots([full({ topics })])).toContain('name="a\\"b\\\\c\\nd"')
  })

  it('has a limited number of series, and counts the others', () => {
    const [topic] = full().topics
    const topics = Array.from({ length: 30_000 }, (_, index) => ({ ...topic, name: `${index}` }))
    const text = metricsOfSnapshots([full({ topics: topics as Snapshot['topics'], omitted: { topics: 5 } })])
    expect(text.split('\n').length).toBeLessThan(21_000)
    const [omitted] = linesOf(text, 'shmwire_snapshot_omitted_rows ')
    expect(Number(omitted?.split(' ')[1])).toBeGreaterThan(100_000)
  })

  it('of this process has no label for the process', () => {
    const text = metricsText()
    expect(text).toMatch(/^shmwire_process_resident_memory_bytes \d+$/m)
    expect(text).not.toContain('pid=')
  })

  it.skipIf(!hasPromtool)('is correct and follows the rules of Prometheus', () => {
    for (const text of [metricsOfSnapshots([full()]), metricsText()]) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: text,
        encoding: 'utf8',
      })
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    }
  })
})
