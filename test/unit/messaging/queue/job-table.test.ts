import { describe, expect, it } from 'vitest'
import type { Job } from '../../../../src/messaging/queue/job.js'
import type { JobChange, StoredJob } from '../../../../src/messaging/queue/job-store.js'
import { DAY_MS, newJob, TableFixture, TERMS } from './table-fixture.js'

const taken = (fixture: TableFixture): Job => {
  const job = fixture.take()
  if (job === undefined) throw new Error('no job waits')
  return job
}

const types = (changes: readonly JobChange[]): string[] => changes.map(({ type }) => type)

const stored = (sequence: number, more: Partial<StoredJob> = {}): StoredJob => ({
  sequence,
  id: `job-${sequence}`,
  key: undefined,
  headers: new Uint8Array(0),
  body: Uint8Array.of(1, 2, 3),
  attempts: 3,
  backOffMinMs: 100,
  backOffMaxMs: 300,
  timeLimitMs: 500,
  attempt: 0,
  dueAtMs: 0,
  deadReason: undefined,
  deadAtMs: 0,
  ...more,
})

describe('JobTable', () => {
  it('leases jobs first in, first out, and counts the attempt', () => {
    const fixture = new TableFixture()
    for (const id of ['a', 'b', 'c']) expect(fixture.table.add(newJob(id))).toBe('added')
    expect(['a', 'b', 'c'].map(() => taken(fixture)).map(({ id, attempt }) => [id, attempt])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ])
    expect(fixture.take()).toBeUndefined()
    expect(fixture.table.leased).toBe(3)
  })

  it('forgets a job that is done', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a', { bytes: 100 }))
    expect(fixture.table.bytes).toBe(100)
    fixture.table.complete(taken(fixture))
    expect([fixture.table.leased, fixture.table.bytes, fixture.table.nextMs]).toEqual([0, 0, Infinity])
    expect(types(fixture.changes)).toEqual(['add', 'attempt', 'remove'])
  })

  it('delays a retry by full jitter, up to a limit that doubles', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a', { terms: { attempts: 5 } }))
    const delays = [1, 1, 0.5, 0].map((random) => {
      fixture.random = random
      fixture.table.fail(taken(fixture), 'no')
      const delayMs = fixture.table.nextMs - fixture.nowMs
      fixture.advance(delayMs)
      return delayMs
    })
    expect(delays).toEqual([100, 200, 150, 0])
    expect(fixture.table.counters).toMatchObject({ failed: 4, redelivered: 3 })
  })

  it('does not run a retry before its time', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a'))
    fixture.table.fail(taken(fixture), 'no')
    fixture.advance(99)
    expect(fixture.take()).toBeUndefined()
    fixture.advance(1)
    expect(taken(fixture).attempt).toBe(2)
  })

  it('buries a job after its last attempt', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a', { terms: { attempts: 1 } }))
    expect(fixture.table.fail(taken(fixture), 'no')).toBe('dead')
    expect([...fixture.table.deadAfter(0)].map(({ id, death }) => [id, death])).toEqual([
      ['a', { reason: 'no', atMs: DAY_MS }],
    ])
    expect([fixture.table.dead, fixture.table.waiting, fixture.table.delayed]).toEqual([1, 0, 0])
    expect(fixture.changes.at(-1)).toEqual({ type: 'dead', sequence: 1, reason: 'no', deadAtMs: DAY_MS })
  })

  it('ends a lease at its time limit, and not before', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a'))
    const job = taken(fixture)
    fixture.advance(499)
    expect(fixture.expired).toEqual([])
    fixture.advance(1)
    expect(fixture.expired).toEqual([job])
    expect(job.state).toBe('delayed')
  })

  it('begins the time limit again with an extension', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a'))
    const job = taken(fixture)
    fixture.advance(400)
    fixture.table.extend(job)
    fixture.advance(499)
    expect(fixture.expired).toEqual([])
    fixture.advance(1)
    expect(fixture.expired).toEqual([job])
  })

  it('ends the leases in the order of their limits', () => {
    const fixture = new TableFixture()
    for (const timeLimitMs of [300, 100, 200])
      fixture.table.add(newJob(`${timeLimitMs}`, { terms: { timeLimitMs } }))
    while (fixture.take() !== undefined);
    fixture.advance(1_000)
    expect(fixture.expired.map(({ id }) => id)).toEqual(['100', '200', '300'])
  })

  it('returns an unused job to the front, and does not count the attempt', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('a'))
    fixture.table.add(newJob('b'))
    fixture.table.giveBack(taken(fixture))
    const job = taken(fixture)
    expect([job.id, job.attempt]).toEqual(['a', 1])
    expect(fixture.table.counters.redelivered).toBe(0)
  })

  it('holds a delayed job until its time', () => {
    const fixture = new TableFixture()
    fixture.table.add(newJob('late', { delayMs: 50 }))
    fixture.table.add(newJob('now'))
    expect(taken(fixture).id).toBe('now')
    expect([fixture.take(), fixture.table.delayed]).toEqual([undefined, 1])
    fixture.advance(50)
    expect(taken(fixture).id).toBe('late')
    expect(fixture.changes[0]).toMatchObject({ type: 'add', dueAtMs: DAY_MS + 50 })
  })

  it.each([
    ['jobs', { maxJobs: 2 }],
    ['bytes', { maxBytes: 20 }],
  ])('is full when it has its %s', (_what, bounds) => {
    const fixture = new TableFixture(bounds)
    const add = (): string => fixture.table.add(newJob('x', { bytes: 10 }))
    expect([add(), add(), add()]).toEqual(['added', 'added', 'full'])
    const job = taken(fixture)
    // A leased job and one that waits for its retry have their room.
    expect(add()).toBe('full')
    fixture.table.fail(job, 'no')
    expect(add()).toBe('full')
    fixture.advance(100)
    fixture.table.complete(taken(fixture))
    expect(add()).toBe('added')
  })

  it('knows an id for the window, also when the job is done', () => {
    const fixture = new TableFixture()
    const add = (): string => fixture.table.add(newJob('same', { dedup: true }))
    expect([add(), add()]).toEqual(['added', 'duplicate'])
    fixture.table.complete(taken(fixture))
    fixture.advance(999)
    expect(add()).toBe('duplicate')
    fixture.advance(1)
    expect(add()).toBe('added')
  })

  it('ignores ids that the program did not choose', () => {
    const fixture = new TableFixture()
    const add = (): string => fixture.table.add(newJob('same'))
    expect([add(), add(), fixture.table.nextIdMs]).toEqual(['added', 'added', Infinity])
  })

  it('is full for jobs with an id when it knows too many', () => {
    const fixture = new TableFixture({ maxIds: 2 })
    const add = (id: string, dedup = true): string => fixture.table.add(newJob(id, { dedup }))
    expect([add('a'), add('b'), add('c'), add('d', false)]).toEqual(['added', 'added', 'full', 'added'])
    fixture.advance(1_000)
    expect(add('c')).toBe('added')
  })

  it('drops the oldest dead jobs', () => {
    const fixture = new TableFixture({ maxDead: 2 })
    for (const id of ['a', 'b', 'c']) {
      fixture.table.add(newJob(id, { terms: { attempts: 1 } }))
      fixture.table.fail(taken(fixture), 'no')
    }
    expect([...fixture.table.deadAfter(0)].map(({ id }) => id)).toEqual(['b', 'c'])
    expect(fixture.changes.at(-1)).toEqual({ type: 'remove', sequence: 1 })
  })

  it('revives a dead job with all its attempts, if there is room', () => {
    const fixture = new TableFixture({ maxJobs: 1 })
    fixture.table.add(newJob('a', { terms: { attempts: 1 } }))
    const job = taken(fixture)
    fixture.table.fail(job, 'no')
    fixture.table.add(newJob('b'))
    expect(fixture.table.revive(job)).toBe(false)
    fixture.table.complete(taken(fixture))
    expect(fixture.table.revive(job)).toBe(true)
    expect(fixture.table.revive(job)).toBe(false)
    expect(taken(fixture).attempt).toBe(1)
    expect(fixture.table.dead).toBe(0)
  })

  it('counts dead jobs as jobs until they are copied, and drops none', () => {
    const fixture = new TableFixture({ maxJobs: 2, maxDead: 1 }, { copiesDead: true })
    for (const id of ['a', 'b']) {
      fixture.table.add(newJob(id, { terms: { attempts: 1 } }))
      fixture.table.fail(taken(fixture), 'no')
    }
    const [first] = fixture.table.deadAfter(0)
    expect([fixture.table.dead, fixture.table.add(newJob('c'))]).toEqual([2, 'full'])
    fixture.table.dropDead(first as Job)
    expect([fixture.table.dead, fixture.table.add(newJob('c'))]).toEqual([1, 'added'])
  })

  it('begins the time limit when the holder gets the job', () => {
    const { table, holder } = new TableFixture()
    table.add(newJob('a'))
    const job = table.take(holder) as Job
    expect([table.leased, table.nextMs]).toEqual([1, Infinity])
    table.extend(job)
    expect([table.leased, table.nextMs]).toEqual([1, TERMS.timeLimitMs])
  })

  it('takes jobs that were returned unused in the order of their pushes', () => {
    const fixture = new TableFixture()
    for (const id of ['a', 'b', 'c', 'd']) fixture.table.add(newJob(id))
    const [a, b, c] = [taken(fixture), taken(fixture), taken(fixture)]
    for (const job of [b, a, c]) fixture.table.giveBack(job)
    expect([1, 2, 3, 4].map(() => taken(fixture).id)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('keeps dead jobs that cannot be copied as those of a queue that copies none', () => {
    const fixture = new TableFixture({ maxJobs: 3, maxDead: 1 }, { copiesDead: true })
    const { table } = fixture
    for (const id of ['a', 'b', 'c']) {
      table.add(newJob(id, { terms: { attempts: 1 } }))
      table.fail(taken(fixture), 'no')
    }
    const [a, b, c] = table.deadAfter(0)
    table.keepDead(a as Job)
    expect([table.dead, table.counters.deadDropped]).toEqual([3, 0])
    table.keepDead(b as Job)
    // The one that waits for its copy stays, and so does the newest of the others.
    expect([...table.deadAfter(0)].map(({ id }) => id)).toEqual(['b', 'c'])
    expect(table.counters.deadDropped).toBe(1)
    expect(table.revive(b as Job)).toBe(true)
    table.dropDead(c as Job)
    table.complete(taken(fixture))
    expect([table.bytes, table.dead, table.waiting]).toEqual([0, 0, 0])
  })

  it('lists the dead jobs after one that has left', () => {
    const fixture = new TableFixture()
    for (const id of ['a', 'b', 'c']) {
      fixture.table.add(newJob(id, { terms: { attempts: 1 } }))
      fixture.table.fail(taken(fixture), 'no')
    }
    const [, b] = fixture.table.deadAfter(0)
    const { deathNumber } = b as Job
    fixture.table.revive(b as Job)
    expect([...fixture.table.deadAfter(deathNumber)].map(({ id }) => id)).toEqual(['c'])
  })

  it('does not keep the memory of the jobs that arrived with a delayed one', () => {
    const fixture = new TableFixture()
    const job = newJob('a', { delayMs: 5 })
    Object.assign(job, { memory: Buffer.alloc(10_000), start: 5_000, end: 5_010 })
    fixture.table.add(job)
    expect(job.memory.buffer.byteLength).toBe(10)
  })

  it('does not keep the memory of the jobs that arrived with a failed one', () => {
    const fixture = new TableFixture()
    const shared = Buffer.alloc(10_000)
    const job = newJob('a')
    Object.assign(job, { memory: shared, start: 5_000, end: 5_010 })
    fixture.table.add(job)
    fixture.table.fail(taken(fixture), 'no')
    expect(job.memory.buffer.byteLength).toBe(10)
  })

  describe('restore', () => {
    it('continues with waiting, delayed and dead jobs, and the known ids', () => {
      const fixture = new TableFixture()
      fixture.table.restore({
        jobs: [
          stored(1),
          stored(2, { dueAtMs: DAY_MS + 50 }),
          stored(3, { dueAtMs: DAY_MS - 1, attempt: 1 }),
          stored(5, { deadReason: 'late', deadAtMs: 20, attempt: 3 }),
          stored(6, { deadReason: 'early', deadAtMs: 10, attempt: 3 }),
        ],
        seen: [{ id: 'known', untilMs: DAY_MS + 500 }],
        nextSequence: 9,
      })
      const { table } = fixture
      expect([table.waiting, table.delayed, table.dead, table.leased]).toEqual([2, 1, 2, 0])
      expect([taken(fixture), taken(fixture)].map(({ id, attempt }) => [id, attempt])).toEqual([
        ['job-1', 1],
        ['job-3', 2],
      ])
      expect([...table.deadAfter(0)].map(({ death }) => death?.reason)).toEqual(['early', 'late'])
      expect(table.add(newJob('known', { dedup: true }))).toBe('duplicate')
      fixture.advance(500)
      const job = newJob('known', { dedup: true })
      expect([table.add(job), job.sequence]).toEqual(['added', 9])
    })

    it('delays a job that a worker had, and buries it after the last attempt', () => {
      const fixture = new TableFixture()
      fixture.table.restore({
        jobs: [stored(1, { attempt: 1 }), stored(2, { attempt: 3 })],
        seen: [],
        nextSequence: 3,
      })
      expect([fixture.table.delayed, fixture.table.dead]).toEqual([1, 1])
      expect(types(fixture.changes)).toEqual(['delay', 'dead'])
      expect([...fixture.table.deadAfter(0)][0]?.death?.reason).toContain('the process of the queue ended')
    })

    it('drops the oldest dead jobs, not the ones that died with the process', () => {
      const fixture = new TableFixture({ maxDead: 2 })
      fixture.table.restore({
        jobs: [
          stored(1, { attempt: 3 }),
          stored(2, { deadReason: 'old', deadAtMs: 10, attempt: 3 }),
          // The time of day was set back since.
          stored(3, { deadReason: 'newer', deadAtMs: DAY_MS + 20, attempt: 3 }),
        ],
        seen: [],
        nextSequence: 4,
      })
      expect([...fixture.table.deadAfter(0)].map(({ sequence }) => sequence)).toEqual([3, 1])
      expect(types(fixture.changes)).toEqual(['dead', 'remove'])
    })

    it('keeps no id for longer than the window when the time of day was set back', () => {
      const fixture = new TableFixture()
      fixture.table.restore({ jobs: [], seen: [{ id: 'a', untilMs: DAY_MS * 100 }], nextSequence: 1 })
      fixture.advance(1_000)
      expect(fixture.table.add(newJob('a', { dedup: true }))).toBe('added')
    })
  })
})
