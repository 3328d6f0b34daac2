import { describe, expect, it } from 'vitest'
import type { Channel } from '../../../../src/channel/channel.js'
import { Intake } from '../../../../src/messaging/queue/intake.js'
import { Job } from '../../../../src/messaging/queue/job.js'
import { JobBytes } from '../../../../src/messaging/queue/job-bytes.js'
import { PushResult } from '../../../../src/messaging/queue/protocol.js'
import { QueueCore } from '../../../../src/messaging/queue/queue-core.js'
import { BOUNDS, TERMS } from './table-fixture.js'

const ID_BYTES = 10
const MESSAGE_BYTES = 1_000_000

/** Jobs with these ids in one memory. */
function jobsOf(ids: readonly string[]): Job[] {
  const memory = Buffer.alloc(MESSAGE_BYTES, ids.join('').padEnd(ids.length * ID_BYTES))
  return ids.map((id, index) => {
    memory.write(id.padEnd(ID_BYTES), index * ID_BYTES)
    const parts = new JobBytes(memory, index * ID_BYTES, ID_BYTES, 0, 0, (index + 1) * ID_BYTES)
    return new Job(parts, TERMS, { dedup: true })
  })
}

function addAll(jobs: readonly Job[], intake: Intake, more: object = {}): number[] {
  const from = {
    channel: {} as Channel,
    pusher: 1,
    waits: false,
    signal: () => new AbortController().signal,
    ...more,
  }
  let answer: number[] = []
  intake.addAll(
    jobs,
    from,
    (results) => {
      answer = [...results]
    },
    () => {},
  )
  return answer
}

describe('Intake', () => {
  const { ADDED, DUPLICATE, FULL } = PushResult
  const coreOf = (bounds: object = {}): QueueCore =>
    new QueueCore({
      bounds: { ...BOUNDS, maxIds: 100, ...bounds },
      store: undefined,
      stored: undefined,
      copyDead: undefined,
    })
  const intakeOf = (bounds: object = {}): Intake => new Intake(coreOf(bounds))

  it('answers any number of programs of a channel whose jobs have no room', () => {
    const intake = intakeOf({ maxJobs: 1 })
    const channel = {} as Channel
    const jobs = jobsOf(Array.from({ length: 1_500 }, (_, n) => `job ${n}`))
    expect(addAll(jobs.slice(0, 1), intake, { channel })).toEqual([ADDED])
    for (let n = 1; n < jobs.length; n += 1)
      expect(addAll(jobs.slice(n, n + 1), intake, { channel, pusher: n })).toEqual([FULL])
  })

  it('does not keep the memory of a message for a few new jobs among duplicates', () => {
    const intake = intakeOf()
    const jobs = jobsOf(['a', 'a', 'a', 'b'])
    expect(addAll(jobs, intake)).toEqual([ADDED, DUPLICATE, DUPLICATE, ADDED])
    expect([jobs[0], jobs[3]].map((job) => [job?.memory.length, job?.id.trim()])).toEqual([
      [ID_BYTES, 'a'],
      [ID_BYTES, 'b'],
    ])
  })

  it('refuses the jobs behind refused ones of the same program only', () => {
    const core = coreOf({ maxJobs: 1 })
    const intake = new Intake(core)
    const channel = {} as Channel
    const first = { channel, pusher: 1 }
    expect(addAll(jobsOf(['a', 'b']), intake, first)).toEqual([ADDED, FULL])
    core.table.complete(core.table.take({ leaseExpired: () => {} }) as Job)
    expect(addAll(jobsOf(['c']), intake, first)).toEqual([FULL])
    expect(addAll(jobsOf(['d']), intake, { channel, pusher: 2 })).toEqual([ADDED])
  })

  it('lets messages of two programs of a channel wait', () => {
    const core = coreOf({ maxJobs: 1 })
    const intake = new Intake(core)
    const channel = {} as Channel
    expect(addAll(jobsOf(['a', 'b']), intake, { channel, pusher: 1 })).toEqual([ADDED, FULL])
    expect(addAll(jobsOf(['b']), intake, { channel, pusher: 1, waits: true })).toEqual([])
    expect(addAll(jobsOf(['c']), intake, { channel, pusher: 2, waits: true })).toEqual([])
    // A second one of the same program is more than it needs.
    expect(addAll(jobsOf(['d']), intake, { channel, pusher: 2, waits: true })).toEqual([FULL])
    expect(core.waits.length).toBe(2)
  })

  it('does not keep the memory of a message for the few jobs that had room', () => {
    const intake = intakeOf({ maxJobs: 1 })
    const jobs = jobsOf(['a', 'b', 'c'])
    expect(addAll(jobs, intake)).toEqual([ADDED, FULL, FULL])
    expect(jobs[0]?.memory.length).toBe(ID_BYTES)
  })
})
