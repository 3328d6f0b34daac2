import type { Socket } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { BlockingWait } from '../../../src/link/shm/blocking-wait.js'
import type { LinkContext } from '../../../src/link/shm/context.js'
import type { IdleStrategy } from '../../../src/link/shm/idle-strategy.js'
import type { WaitMode } from '../../../src/options.js'

const binding = {
  WAIT_READY: 0,
  WAIT_TIMEOUT: 1,
  WAIT_CLOSED: 2,
  WAIT_PEER_GONE: 3,
  WAIT_INTERRUPTED: 4,
}

/** The results of the addon, in order. */
let outcomes: number[]
let slept: number[]
/** The calls of the budget, in order. */
let budgetCalls: string[]
let found: number
let polls: number
let socket: unknown
let failures: unknown[]

beforeEach(() => {
  outcomes = []
  slept = []
  budgetCalls = []
  found = 0
  polls = 0
  socket = { _handle: { fd: 7 } }
  failures = []
})

function newWait(wait: WaitMode = 'adaptive'): BlockingWait {
  const next = (): number => {
    const outcome = outcomes.shift()
    if (outcome === undefined) throw new Error('no outcome')
    return outcome
  }
  const endpoint = {
    wait: (_forData: boolean, _roomBytes: number, timeoutNanos: number) => {
      slept.push(timeoutNanos)
      return next()
    },
    continueWait: next,
  }
  const idle = {
    state: 'polling',
    wake: () => {},
    poll: () => {
      polls += 1
      return found
    },
  }
  const context = {
    binding,
    endpoint,
    socket: socket as Socket,
    budget: {
      found: () => void budgetCalls.push('found'),
      waits: () => void budgetCalls.push('waits'),
      exhausted: () => budgetCalls.push('exhausted') > 3,
      woken: () => void budgetCalls.push('woken'),
    },
    wait,
    onError: (error: unknown) => failures.push(error),
  }
  return new BlockingWait(context as unknown as LinkContext, idle as unknown as IdleStrategy)
}

describe('a blocking wait', () => {
  it('polls before it sleeps, and does not sleep when the poll finds records', () => {
    found = 1
    expect([newWait().wait(0, 1000), polls, slept]).toEqual([true, 1, []])
  })

  it('begins a new wait, polls until the budget is exhausted, and reports the end of its sleep', () => {
    outcomes = [binding.WAIT_READY]
    newWait().wait(0, 5)
    expect(budgetCalls).toEqual(['found', 'waits', 'exhausted', 'exhausted', 'woken'])
    expect(polls).toBe(3)
  })

  it('continues to sleep after each interruption, and polls again when the addon reports data', () => {
    outcomes = [binding.WAIT_INTERRUPTED, binding.WAIT_INTERRUPTED, binding.WAIT_READY]
    expect([newWait().wait(0, 5), polls, slept]).toEqual([true, 3, [5_000_000]])
  })

  it.each([
    ['WAIT_TIMEOUT', true],
    ['WAIT_CLOSED', false],
    ['WAIT_PEER_GONE', false],
  ] as const)('reports %s without a further poll', (name, isAlive) => {
    outcomes = [binding[name]]
    expect([newWait().wait(0, 5), polls]).toEqual([isAlive, 2])
  })

  it('reports that the peer is gone when its socket no longer has a descriptor', () => {
    socket = { _handle: null }
    expect([newWait().wait(0, 5), slept]).toEqual([false, []])
  })

  it('reports errors of the addon', () => {
    expect(newWait().wait(0, 5)).toBe(true)
    expect(failures.map(String)).toEqual(['Error: no outcome'])
  })

  it('only checks that the peer is alive after it has polled, with wait spin', () => {
    outcomes = [binding.WAIT_TIMEOUT]
    expect(newWait('spin').wait(0, 1)).toBe(true)
    expect(slept).toEqual([0])
    expect(polls).toBeGreaterThan(1)
  })
})

describe('the check before a blocking wait', () => {
  it.each([[undefined], [null], [{}], [{ fd: -1 }], [{ fd: '7' }]])(
    'fails when a live socket has %j instead of a descriptor',
    (handle) => {
      socket = { _handle: handle, destroyed: false }
      expect(() => newWait().assertPossible()).toThrow(
        expect.objectContaining({ code: ErrorCode.UNAVAILABLE }) as Error,
      )
    },
  )

  it('passes for a socket with a descriptor, and for a destroyed one, whose end is known', () => {
    newWait().assertPossible()
    socket = { _handle: null, destroyed: true }
    newWait().assertPossible()
  })
})
