import { assert, commands, constantFrom, type ICommand, integer, modelRun, nat, property } from 'fast-check'
import { expect, it } from 'vitest'
import type { Job } from '../../../../src/messaging/queue/job.js'
import { countFromEnvironment, newSeed } from '../../../support/random.js'
import { BOUNDS, newJob, TableFixture } from './table-fixture.js'

const RUNS = countFromEnvironment('SHMWIRE_MODEL_RUNS', 300)

/** A job as the oracle sees it. */
interface Expected {
  readonly name: string
  readonly attempts: number
  attempt: number
  state: 'waiting' | 'delayed' | 'leased' | 'dead'
  dueMs: number
  /** A worker returned it unused. */
  returned?: boolean
}

/** The oracle: a list of jobs, in the order in which they wait, without any of the structures of the table. */
interface Model {
  nowMs: number
  count: number
  waiting: Expected[]
  others: Expected[]
  ids: Map<string, number>
}

interface Real {
  readonly fixture: TableFixture
  readonly jobs: Map<Expected, Job>
}

type Step = ICommand<Model, Real, void>

/** Jobs that are due at the same time have no order, so no two steps have the same time, and no two retries the same delay. */
function tick(model: Model, { fixture }: Real): void {
  model.nowMs += 2 ** -10
  fixture.nowMs += 2 ** -10
  fixture.nextRandom = 1
}

const bodyOf = (model: Model): Expected[] => [...model.waiting, ...model.others]
const active = (model: Model): number => bodyOf(model).filter(({ state }) => state !== 'dead').length
const leased = (model: Model): Expected[] => model.others.filter(({ state }) => state === 'leased')

function fail(model: Model, job: Expected, real: Job): void {
  if (job.attempt >= job.attempts) {
    job.state = 'dead'
    // The last one in the list died last.
    model.others = [...model.others.filter((other) => other !== job), job]
    const dead = model.others.filter(({ state }) => state === 'dead')
    if (dead.length > BOUNDS.maxDead) model.others = model.others.filter((other) => other !== dead[0])
    return
  }
  job.state = 'delayed'
  job.dueMs = real.dueMs
  const limitMs = Math.min(300, 100 * 2 ** (job.attempt - 1))
  expect(job.dueMs).toBeGreaterThan(model.nowMs)
  expect(job.dueMs).toBeLessThanOrEqual(model.nowMs + limitMs)
}

function check(model: Model, { fixture }: Real): void {
  const { table } = fixture
  const count = (state: Expected['state']): number =>
    bodyOf(model).filter((job) => job.state === state).length
  expect([table.waiting, table.delayed, table.leased, table.dead]).toEqual([
    count('waiting'),
    count('delayed'),
    count('leased'),
    count('dead'),
  ])
  const dead = model.others.filter(({ state }) => state === 'dead').map(({ name }) => name)
  expect([...table.deadAfter(0)].map(({ id }) => id.trim())).toEqual(dead)
  expect(table.bytes).toBe(bodyOf(model).length * 10)
}

class Add implements Step {
  readonly id: string | undefined
  readonly attempts: number
  readonly delayMs: number

  constructor(id: string | undefined, attempts: number, delayMs: number) {
    this.id = id
    this.attempts = attempts
    this.delayMs = delayMs
  }

  check = (): boolean => true

  run(model: Model, real: Real): void {
    tick(model, real)
    model.count += 1
    const name = this.id ?? `n${model.count}`
    const job = newJob(name.padEnd(10), {
      terms: { attempts: this.attempts },
      delayMs: this.delayMs,
      dedup: this.id !== undefined,
    })
    const isKnown = this.id !== undefined && (model.ids.get(this.id) ?? 0) > model.nowMs
    const ids = [...model.ids.values()].filter((untilMs) => untilMs > model.nowMs).length
    const isFull = active(model) >= BOUNDS.maxJobs || (this.id !== undefined && ids >= BOUNDS.maxIds)
    const expected = isKnown ? 'duplicate' : isFull ? 'full' : 'added'
    expect(real.fixture.table.add(job)).toBe(expected)
    if (expected === 'added') {
      const state = this.delayMs === 0 ? 'waiting' : 'delayed'
      const one: Expected = {
        name,
        attempts: this.attempts,
        attempt: 0,
        state,
        dueMs: model.nowMs + this.delayMs,
      }
      if (state === 'waiting') model.waiting.push(one)
      else model.others.push(one)
      if (this.id !== undefined) model.ids.set(this.id, model.nowMs + BOUNDS.dedupWindowMs)
    }
    check(model, real)
  }

  toString = (): string => `add(${this.id}, attempts ${this.attempts}, delay ${this.delayMs})`
}

class Take implements Step {
  check = (): boolean => true

  run(model: Model, real: Real): void {
    tick(model, real)
    const job = real.fixture.take()
    const expected = model.waiting.shift()
    expect(job?.id.trim()).toBe(expected?.name)
    if (job !== undefined && expected !== undefined) {
      expected.attempt += 1
      expected.state = 'leased'
      expected.returned = false
      expected.dueMs = model.nowMs + job.terms.timeLimitMs
      expect(job.attempt).toBe(expected.attempt)
      model.others.push(expected)
      real.jobs.set(expected, job)
    }
    check(model, real)
  }

  toString = (): string => 'take'
}

/** Ends one of the leases. */
class End implements Step {
  readonly how: 'complete' | 'extend' | 'fail' | 'giveBack'
  readonly which: number

  constructor(how: 'complete' | 'extend' | 'fail' | 'giveBack', which: number) {
    this.how = how
    this.which = which
  }

  check = (model: Readonly<Model>): boolean => leased(model).length > 0

  run(model: Model, real: Real): void {
    tick(model, real)
    const open = leased(model)
    const expected = open[this.which % open.length] as Expected
    const job = real.jobs.get(expected) as Job
    if (this.how === 'fail') {
      real.fixture.table.fail(job, 'no')
      fail(model, expected, job)
    } else real.fixture.table[this.how](job)
    if (this.how === 'extend') expected.dueMs = model.nowMs + job.terms.timeLimitMs
    if (this.how === 'complete' || this.how === 'giveBack')
      model.others = model.others.filter((other) => other !== expected)
    if (this.how === 'giveBack') {
      expected.attempt -= 1
      expected.state = 'waiting'
      expected.returned = true
      const sequenceOf = (one: Expected): number => real.jobs.get(one)?.sequence ?? 0
      const returned = model.waiting.filter((one) => one.returned)
      model.waiting = [
        ...[...returned, expected].toSorted((a, b) => sequenceOf(a) - sequenceOf(b)),
        ...model.waiting.filter((one) => !one.returned),
      ]
    }
    check(model, real)
  }

  toString = (): string => `${this.how}(${this.which})`
}

class Advance implements Step {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }

  check = (): boolean => true

  run(model: Model, real: Real): void {
    tick(model, real)
    model.nowMs += this.ms
    const due = model.others.filter(({ state, dueMs }) => state === 'delayed' && dueMs <= model.nowMs)
    const late = leased(model).filter(({ dueMs }) => dueMs <= model.nowMs)
    model.others = model.others.filter((job) => !due.includes(job))
    for (const job of due) job.state = 'waiting'
    const before = real.fixture.expired.length
    real.fixture.advance(this.ms)
    const expired = real.fixture.expired.slice(before)
    expect(expired.map(({ id }) => id.trim()).toSorted()).toEqual(late.map(({ name }) => name).toSorted())
    for (const job of expired) fail(model, late.find((one) => real.jobs.get(one) === job) as Expected, job)
    model.waiting.push(...due.toSorted((a, b) => a.dueMs - b.dueMs))
    check(model, real)
  }

  toString = (): string => `advance(${this.ms})`
}

class Revive implements Step {
  readonly which: number

  constructor(which: number) {
    this.which = which
  }

  check = (model: Readonly<Model>): boolean => model.others.some(({ state }) => state === 'dead')

  run(model: Model, real: Real): void {
    tick(model, real)
    const dead = model.others.filter(({ state }) => state === 'dead')
    const expected = dead[this.which % dead.length] as Expected
    const job = real.jobs.get(expected) as Job
    const hasRoom = active(model) < BOUNDS.maxJobs
    expect(real.fixture.table.revive(job)).toBe(hasRoom)
    if (hasRoom) {
      model.others = model.others.filter((other) => other !== expected)
      Object.assign(expected, { state: 'waiting', attempt: 0 })
      model.waiting.push(expected)
    }
    check(model, real)
  }

  toString = (): string => `revive(${this.which})`
}

it('agrees with a list of jobs, for random calls', () => {
  const seed = newSeed('job table')
  const anyCommands = commands(
    [
      integer({ min: 1, max: 3 }).map((attempts) => new Add(undefined, attempts, 0)),
      nat(400).map((delayMs) => new Add(undefined, 2, delayMs)),
      nat(7).map((number) => new Add(`id${number}`, 1, 0)),
      nat(1).map(() => new Take()),
      nat(1).map(() => new Take()),
      constantFrom('complete' as const, 'extend' as const, 'fail' as const, 'giveBack' as const).chain(
        (how) => nat(9).map((which) => new End(how, which)),
      ),
      integer({ min: 1, max: 700 }).map((ms) => new Advance(ms)),
      nat(9).map((which) => new Revive(which)),
    ],
    { maxCommands: 80, size: 'max' },
  )
  assert(
    property(anyCommands, (steps) => {
      modelRun(
        () => ({
          model: { nowMs: 0, count: 0, waiting: [], others: [], ids: new Map() },
          real: { fixture: new TableFixture(), jobs: new Map() },
        }),
        steps,
      )
    }),
    { seed, numRuns: RUNS },
  )
})
