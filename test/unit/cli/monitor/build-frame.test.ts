import { describe, expect, it } from 'vitest'
import { faultFrame, frameOf, NODES_MAX, ROWS_MAX } from '../../../../src/cli/monitor/build-frame.js'
import type { MonitorFrame } from '../../../../src/cli/monitor/frame.js'
import type { Snapshot } from '../../../../src/observe/figures.js'
import { BUCKET_BOUNDS_MS } from '../../../../src/observe/latency-histogram.js'
import { channel, processAt, subscription } from '../../../support/monitored.js'

/** Of one second, in which the processes change as the function says. */
function second(processes: (ms: number) => Snapshot[]): MonitorFrame {
  return frameOf(processes(1_000), processes(2_000))
}

describe('the edges of the monitor', () => {
  it('counts the messages of a channel once if both ends answer', () => {
    const { edges, nodes } = second((ms) => [
      processAt(1, ms, { channels: [channel(5, 'server', 2, ms)] }),
      processAt(2, ms, { channels: [channel(9, 'client', 1, ms)] }),
    ])
    expect(nodes.map(({ id, kind }) => [id, kind])).toEqual([
      ['process 1', 'process'],
      ['process 2', 'process'],
    ])
    expect(edges).toMatchObject([
      { from: 'process 2', to: 'process 1', channels: 1, transport: 'shm', addresses: ['prices'] },
    ])
    expect(edges[0]?.messagesPerSecond).toBeCloseTo(2_000)
  })

  it('shows a client that does not answer by its process id', () => {
    const { edges, nodes } = second((ms) => [processAt(1, ms, { channels: [channel(1, 'server', 77, ms)] })])
    expect(nodes[1]).toMatchObject({ id: 'process 77', kind: 'client', pid: 77 })
    expect(edges).toMatchObject([{ from: 'process 77', to: 'process 1' }])
  })

  it('shows a server that does not answer at the other end of its client', () => {
    const { edges } = second((ms) => [processAt(1, ms, { channels: [channel(1, 'client', 77, ms)] })])
    expect(edges).toMatchObject([{ from: 'process 1', to: 'process 77' }])
  })

  it('has one node for all peers of a server whose process is not known', () => {
    const { edges, nodes } = second((ms) => [
      processAt(1, ms, {
        channels: [1, 2, 3].map((id) => channel(id, 'server', undefined, ms, { transport: 'tcp' })),
      }),
    ])
    expect(nodes[1]).toMatchObject({ kind: 'remote', title: 'clients over tcp' })
    expect(edges).toMatchObject([{ channels: 3, transport: 'tcp' }])
  })

  it('adds up the addresses of two processes, but not their transports', () => {
    const { edges } = second((ms) => [
      processAt(1, ms, {
        channels: [
          channel(1, 'server', 2, ms, { address: 'a' }),
          channel(2, 'server', 2, ms, { address: 'b' }),
          channel(3, 'server', 2, ms, { address: 'b', transport: 'unix' }),
        ],
      }),
    ])
    expect(edges).toMatchObject([
      { transport: 'shm', channels: 2, addresses: ['a', 'b'] },
      { transport: 'unix', channels: 1 },
    ])
  })

  it('adds the messages of a topic in shared memory, which no channel counts', () => {
    const [topic] = processAt(1, 0).topics.concat({
      address: 't',
      name: '',
      epoch: 'e',
      sequence: 0,
      bytes: 0,
      subscribers: 1,
      disconnected: 0,
      wakesSent: 0,
    })
    const { edges } = second((ms) => [
      processAt(1, ms, {
        topics: topic === undefined ? [] : [{ ...topic, sequence: ms }],
        channels: [channel(1, 'server', 2, 0)],
      }),
      processAt(2, ms, { subscriptions: [subscription('e', ms)] }),
    ])
    expect(edges.map(({ from, to }) => [from, to])).toEqual([['process 2', 'process 1']])
    expect(edges[0]?.messagesPerSecond).toBeCloseTo(1_000)
    expect(edges[0]?.isReversed).toBe(true)
  })

  it('warns of writes that find no room', () => {
    const { edges } = second((ms) => [
      processAt(1, ms, { channels: [channel(1, 'server', 2, ms, { fullWaits: ms / 100 })] }),
    ])
    expect(edges[0]?.warning).toBe('a channel is full: 10.0/s writes wait')
  })
})

describe('the frame of the monitor', () => {
  it('joins the threads of a process', () => {
    const { nodes } = second((ms) => [
      processAt(1, ms),
      { ...processAt(1, ms), id: 'worker', process: { ...processAt(1, ms).process, threadId: 3 } },
    ])
    expect(nodes).toMatchObject([{ id: 'process 1', threads: 2, cpuPercent: 50 }])
  })

  it('has rows with a key that no other row has', () => {
    const { rows } = second((ms) =>
      [1, 2].map((pid) => processAt(pid, ms, { channels: [channel(1, 'server', 9, ms)] })),
    )
    expect(new Set(rows.map(({ key }) => key)).size).toBe(2)
    expect(rows.map(({ node }) => node)).toEqual(['process 1', 'process 2'])
  })

  it('warns of calls that fail, of a late event loop, of dead jobs and of jobs without a worker', () => {
    const { nodes, rows } = second((ms) => {
      const slow = {
        count: ms,
        sumMs: ms,
        maxMs: 300,
        buckets: BUCKET_BOUNDS_MS.map((bound) => (bound >= 300 ? ms : 0)),
      }
      const method = { method: 'm', errors: ms / 100, running: 0, latency: slow }
      const queue = {
        delayed: 0,
        leased: 0,
        bytes: 0,
        pushed: 0,
        completed: 0,
        failed: 0,
        redelivered: 0,
        deadDropped: 0,
      }
      const plain = processAt(1, ms)
      return [
        {
          ...plain,
          eventLoop: { ...plain.eventLoop, delay: slow },
          services: [{ address: 'users', service: '', methods: [method] }],
          queues: [
            { ...queue, address: 'jobs', name: '', waiting: 3, dead: 0, workers: 0 },
            { ...queue, address: 'mails', name: '', waiting: 0, dead: 2, workers: 1 },
          ],
        },
      ]
    })
    expect(nodes[0]?.warnings).toEqual([
      'event loop delay p99 300 ms',
      'users: calls fail: 10.0/s',
      'jobs: 3 jobs wait, and there is no worker',
      'mails: 2 dead jobs',
    ])
    expect(rows.find(({ name }) => name === 'users')?.dropsPerSecond).toBeCloseTo(10)
  })

  it('has no warning of what failed before it was read', () => {
    const method = { method: 'm', errors: 5, running: 0, latency: processAt(1, 0).eventLoop.delay }
    const services = [{ address: 'users', service: '', methods: [method] }]
    const first = frameOf([], [processAt(1, 1_000, { services })])
    expect([first.isFirst, first.nodes[0]?.warnings]).toEqual([true, []])
  })

  it('has figures when all processes have ended, so that the charts do not keep the last ones', () => {
    const { isFirst, nodes } = frameOf([], [])
    expect([isFirst, nodes]).toEqual([false, []])
  })

  it('is bounded, counts what is missing, and keeps the busiest rows', () => {
    const many = (ms: number): Snapshot[] =>
      Array.from({ length: NODES_MAX + 10 }, (_, index) =>
        processAt(index + 1, ms, {
          channels: Array.from({ length: 11 }, (_one, id) => channel(id, 'server', 9_999, ms * (index + 1))),
        }),
      )
    const { nodes, edges, rows, omitted } = second(many)
    expect(nodes).toHaveLength(NODES_MAX)
    expect(rows).toHaveLength(ROWS_MAX)
    expect(rows[0]?.node).toBe(`process ${NODES_MAX + 10}`)
    // The node of the common client is one of those that are missing, with its edges.
    expect(edges).toEqual([])
    expect(omitted).toBe(11 + NODES_MAX + 10 + (NODES_MAX + 10) * 11 - ROWS_MAX)
  })

  it('states why nothing could be read', () => {
    expect(faultFrame('no')).toMatchObject({ fault: 'no', nodes: [], rows: [] })
  })
})
