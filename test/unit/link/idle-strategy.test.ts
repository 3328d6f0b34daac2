import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newLinkStats } from '../../../src/link/link.js'
import type { BatchReader } from '../../../src/link/shm/batch-reader.js'
import type { LinkContext } from '../../../src/link/shm/context.js'
import { IdleStrategy } from '../../../src/link/shm/idle-strategy.js'
import type { RecordWriter } from '../../../src/link/shm/record-writer.js'
import { SpinBudget, type WakeTimes } from '../../../src/link/shm/spin-budget.js'
import type { WaitMode } from '../../../src/options.js'
import { turns } from '../../support/turns.js'

/** The time stands still unless a test moves it. */
const clock = vi.hoisted(() => ({ ms: 1 }))
vi.mock('../../../src/host.js', async (original) => ({
  ...(await original<typeof import('../../../src/host.js')>()),
  nowMs: () => clock.ms,
}))

const sink = { record: () => true, drain: () => {}, close: () => {} }

let reader: {
  mayDeliver: boolean
  paused: boolean
  pending: boolean
  frozen: boolean
  assembling: boolean
  reads: number
  records: number
  forget(): void
  read(): number
}
let writer: { wantsRoom: boolean; roomBytes: number; drain(): boolean }
/** The endpoint has data or room when the strategy arms its words. */
let ready: { data: boolean; room: boolean }
let armed: string[]
let gone: number
let idle: IdleStrategy

function newIdle(wait: WaitMode, wakeTimes: Partial<WakeTimes> = {}, spinMicros = 0): IdleStrategy {
  const endpoint = {
    armForData: () => {
      armed.push('data')
      return ready.data
    },
    armForRoom: () => {
      armed.push('room')
      return ready.room
    },
    disarmForData: () => void armed.push('no data'),
    disarmForRoom: () => void armed.push('no room'),
  }
  const budget = new SpinBudget({ woken: () => 0, peerWakeNanos: () => 0, ...wakeTimes }, spinMicros)
  const context = { endpoint, wait, budget, stats: newLinkStats() } as unknown as LinkContext
  const strategy = new IdleStrategy(
    context,
    reader as unknown as BatchReader,
    writer as unknown as RecordWriter,
    () => {
      gone += 1
    },
  )
  strategy.start(sink)
  return strategy
}

beforeEach(() => {
  clock.ms += 1 // The wake-ups of different tests are not dense.
  reader = {
    mayDeliver: true,
    paused: false,
    pending: false,
    frozen: false,
    assembling: false,
    reads: 0,
    records: 0,
    forget: () => {},
    read() {
      this.reads += 1
      return this.records
    },
  }
  writer = { wantsRoom: false, roomBytes: 100, drain: () => false }
  ready = { data: false, room: false }
  armed = []
  gone = 0
})
afterEach(() => idle.close())

describe('the idle strategy', () => {
  it('sleeps with its word for data armed, and polls again when it is woken', async () => {
    idle = newIdle('sleep')
    expect(idle.state).toBe('polling')
    await turns(3)
    expect([idle.state, armed]).toEqual(['sleeping', ['data']])
    idle.wake()
    expect([idle.state, armed]).toEqual(['polling', ['data', 'no data', 'no room']])
  })

  it('does not sleep when there is data or room as soon as it arms', async () => {
    writer.wantsRoom = true
    ready.room = true
    idle = newIdle('sleep')
    await turns(3)
    expect(idle.state).toBe('polling')
    expect(armed.slice(0, 3)).toEqual(['data', 'room', 'no data'])
  })

  it('pauses with its sink, but sleeps until there is room for a writer', async () => {
    reader.paused = true
    reader.mayDeliver = false
    idle = newIdle('sleep')
    await turns(3)
    expect([idle.state, armed, reader.reads]).toEqual(['paused', [], 0])
    writer.wantsRoom = true
    idle.wake()
    await turns(3)
    expect([idle.state, armed]).toEqual(['sleeping', ['room']])
  })

  it('reads at once when the peer wakes it, and sleeps again', async () => {
    idle = newIdle('sleep')
    await turns(3)
    const { reads } = reader
    idle.woken()
    expect([idle.state, reader.reads]).toEqual(['sleeping', reads + 1])
  })

  it('reports each wake-up with the whole wait, also when it sleeps again without a poll', async () => {
    const waits: number[] = []
    idle = newIdle('adaptive', { woken: (waitedNanos) => waits.push(Math.round(waitedNanos)) && 0 })
    await turns(3)
    reader.records = 1
    for (const waitedMs of [0.2, 0.3]) {
      clock.ms += waitedMs
      idle.woken()
      expect(idle.state).toBe('sleeping')
    }
    expect(waits).toEqual([200_000, 300_000])
  })

  it('polls after wake-ups that follow each other soon', async () => {
    idle = newIdle('adaptive')
    await turns(3)
    idle.woken()
    expect(idle.state).toBe('sleeping')
    clock.ms += 0.04
    idle.woken()
    expect(idle.state).toBe('polling')
  })

  it('reports no wake-up with wait sleep: its wake-ups are a part of all its answers', async () => {
    const fail = (): number => {
      throw new Error('reported')
    }
    idle = newIdle('sleep', { woken: fail, peerWakeNanos: fail })
    await turns(3)
    idle.woken()
    expect(idle.state).toBe('sleeping')
  })

  it('continues to poll after a wake-up with more than one batch', async () => {
    idle = newIdle('sleep')
    await turns(3)
    reader.pending = true
    idle.woken()
    expect(idle.state).toBe('polling')
  })

  it('never sleeps with wait spin, unless it is unreferenced', async () => {
    idle = newIdle('spin')
    await turns(5)
    expect(idle.state).toBe('polling')
    idle.referenced = false
    await turns(3)
    expect(idle.state).toBe('sleeping')
  })

  it('reports a peer that is gone after its last record', async () => {
    idle = newIdle('sleep')
    reader.frozen = true
    reader.records = 1
    await turns(2)
    expect(gone).toBe(0)
    reader.records = 0
    await turns(3)
    expect(gone).toBe(1)
  })

  it('does nothing after it was closed', async () => {
    idle = newIdle('sleep')
    idle.close()
    idle.wake()
    idle.woken()
    await turns(3)
    expect([idle.state, reader.reads]).toEqual(['closed', 0])
  })
})
