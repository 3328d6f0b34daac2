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

function addAll(jobs: readonly Job[], intake: Intake): number[] {
  const from = {
    channel: {} as Channel,
    pusher: 1,
    waits: false,
    signal: () => new AbortController().signal,
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
  const intakeOf = (bounds: object = {}): Intake =>
    new Intake(
      new QueueCore({
        bounds: { ...BOUNDS, maxIds: 100, ...bounds },
        store: undefined,
        stored: undefined,
        copyDead: undefined,
      }),
    )

  it('does not keep the memory of a message for a few new jobs among duplicates', () => {
    const intake = intakeOf()
    const jobs = jobsOf(['a', 'a', 'a', 'b'])
    expect(addAll(jobs, intake)).toEqual([ADDED, DUPLICATE, DUPLICATE, ADDED])
    expect([jobs[0], jobs[3]].map((job) => [job?.memory.length, job?.id.trim()])).toEqual([
      [ID_BYTES, 'a'],
      [ID_BYTES, 'b'],
    ])
  })

  it('does not keep the memory of a message for the few jobs that had room', () => {
    const intake = intakeOf({ maxJobs: 1 })
    const jobs = jobsOf(['a', 'b', 'c'])
    expect(addAll(jobs, intake)).toEqual([ADDED, FULL, FULL])
    expect(jobs[0]?.memory.length).toBe(ID_BYTES)
  })
})
