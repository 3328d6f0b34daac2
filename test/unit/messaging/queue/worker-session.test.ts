import { describe, expect, it } from 'vitest'
import { FrameQueue } from '../../../../src/messaging/queue/frame-queue.js'
import type { Job } from '../../../../src/messaging/queue/job.js'
import { WorkerFrame } from '../../../../src/messaging/queue/protocol.js'
import { type SessionOwner, WorkerSession } from '../../../../src/messaging/queue/worker-session.js'
import { newJob } from './table-fixture.js'

function slotFrame(kind: number, slot: number): Buffer {
  const frame = Buffer.alloc(5)
  frame[0] = kind
  frame.writeUInt32LE(slot, 1)
  return frame
}

/** A session whose owner writes what happens into a list. */
function sessionOf(concurrency = 1): {
  readonly session: WorkerSession
  readonly frames: FrameQueue
  readonly events: string[]
} {
  const events: string[] = []
  const frames = new FrameQueue()
  const on =
    (what: string) =>
    ({ id }: Job): number =>
      events.push(`${what} ${id}`)
  const owner = {
    done: on('done'),
    failed: on('failed'),
    extended: on('extended'),
    unused: on('unused'),
    lost: on('lost'),
    left: () => events.push('left'),
    roomMayBe: () => events.push('room'),
    wrote: () => {},
  } as unknown as SessionOwner
  return { session: new WorkerSession(owner, frames, concurrency, 1_000_000), frames, events }
}

/** As the table and the core do it. */
function lease(session: WorkerSession, job: Job): number {
  job.lease += 1
  job.dueMs = Number.POSITIVE_INFINITY
  session.assign(job)
  return job.lease
}

describe('WorkerSession', () => {
  it('does not send a job for an earlier lease of the same job in the same slot', () => {
    const { session, frames } = sessionOf()
    const job = newJob('a')
    const first = lease(session, job)
    session.end()
    expect(session.send(job, first)).toBe(false)
    const other = sessionOf()
    const earlier = lease(other.session, job)
    job.lease += 1
    expect([other.session.send(job, earlier), other.session.send(job, job.lease)]).toEqual([false, true])
    expect(frames.isFull).toBe(false)
  })

  it.each([WorkerFrame.DONE, WorkerFrame.UNUSED, WorkerFrame.EXTEND])(
    'refuses the frame %i for a job that the worker has not got',
    (kind) => {
      const { session, events } = sessionOf()
      lease(session, newJob('a'))
      expect(session.receive(slotFrame(kind, 0))).toContain('slot 0, which has no job')
      expect(events).toEqual([])
    },
  )

  it('returns jobs that it has not sent, and loses the others, when it ends', () => {
    const { session, events } = sessionOf(2)
    const [a, b] = [newJob('a'), newJob('b')]
    session.send(a, lease(session, a))
    lease(session, b)
    session.end()
    expect(events).toEqual(['lost a', 'unused b', 'left'])
  })

  it('gives a worker that does not read no further job until it reads', async () => {
    const { session, frames, events } = sessionOf(100)
    let jobs = 0
    while (session.hasRoom && jobs < 100) {
      const job = newJob(`${jobs}`, { bytes: 100_000 })
      session.send(job, lease(session, job))
      jobs += 1
    }
    expect(jobs).toBeGreaterThan(5)
    expect(jobs).toBeLessThan(20)
    expect(frames.isFull).toBe(true)
    expect(events).toEqual([])
    while (frames.isFull) await frames.next()
    expect([session.hasRoom, events]).toEqual([true, ['room']])
  })

  it('gives more jobs to a worker that has room for more', () => {
    const { session } = sessionOf(1)
    const job = newJob('a')
    session.send(job, lease(session, job))
    expect(session.hasRoom).toBe(false)
    expect(session.receive(slotFrame(WorkerFrame.ROOM, 2))).toBeUndefined()
    expect(session.hasRoom).toBe(true)
    for (const concurrency of [1, 10_001])
      expect(session.receive(slotFrame(WorkerFrame.ROOM, concurrency))).toContain('a room of')
  })
})
