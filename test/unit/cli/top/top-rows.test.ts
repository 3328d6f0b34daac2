import { describe, expect, it } from 'vitest'
import { topRows } from '../../../../src/cli/top/top-rows.js'
import type { MethodFigures, Snapshot } from '../../../../src/observe/figures.js'
import { BUCKET_BOUNDS_MS } from '../../../../src/observe/latency-histogram.js'
import { snapshotAt } from '../../../support/top-snapshots.js'

function methodWith(count: number): MethodFigures {
  const latency = { count, sumMs: 0, maxMs: 0, buckets: BUCKET_BOUNDS_MS.map(() => count) }
  return { method: 'call', errors: 1, running: 2, latency }
}

/** With services on channels, which have no address. */
function serving(ms: number, calls: readonly number[], ended = 0): Snapshot {
  const { method, errors, latency } = methodWith(ended)
  return {
    ...snapshotAt(ms),
    services: calls.map((count) => ({ address: '', service: 'S', methods: [methodWith(count)] })),
    endedMethods: ended === 0 ? [] : [{ address: '', service: 'S', method, errors, latency }],
  }
}

function rowsOfServices(before: Snapshot, now: Snapshot): unknown[] {
  return topRows([before], [now]).filter(({ kind }) => kind === 'service')
}

describe('the rows of shmwire top', () => {
  it('are one for all services with the same name on channels, and for all gateways without an address', () => {
    expect(rowsOfServices(serving(1_000, [100, 5]), serving(2_000, [110, 7]))).toMatchObject([
      { name: 'S', messagesPerSecond: 12, drops: 2, lag: 4 },
    ])
    const { latency } = methodWith(10)
    const gateway = {
      gateway: 'rest',
      address: '',
      running: 1,
      streams: 0,
      clientErrors: 1,
      serverErrors: 0,
    } as const
    const now = {
      ...snapshotAt(2_000),
      gateways: [
        { ...gateway, latency },
        { ...gateway, latency },
      ],
    }
    const rows = topRows([snapshotAt(1_000)], [now]).filter(({ kind }) => kind === 'gateway')
    expect(rows).toMatchObject([{ messagesPerSecond: 20, drops: 2, lag: 2 }])
  })

  it('count the calls of a service that has ended meanwhile', () => {
    expect(rowsOfServices(serving(1_000, [100, 5]), serving(2_000, [110], 7))).toMatchObject([
      { messagesPerSecond: 12, lag: 2 },
    ])
    expect(rowsOfServices(serving(1_000, [100]), serving(2_000, [], 100))).toEqual([])
  })

  it('have no rate if the snapshot before may have left them out', () => {
    const now = snapshotAt(2_000)
    const before = { ...snapshotAt(1_000), channels: [], omitted: { channels: 1 } }
    const [late] = topRows([before], [now])
    expect(late).toMatchObject({ kind: 'channel', messagesPerSecond: undefined, depthBytes: 512 })
    const [fresh] = topRows([{ ...before, omitted: {} }], [now])
    expect(fresh).toMatchObject({ messagesPerSecond: 2_000 })
  })
})
