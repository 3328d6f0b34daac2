import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createQueueWith } from '../../../../src/messaging/queue/create-queue.js'
import type { JobChange } from '../../../../src/messaging/queue/job-store.js'
import { openQueue } from '../../../../src/messaging/queue/open-queue.js'
import { queueCodec } from '../../../../src/messaging/queue/queue-codec.js'
import type { Queue, QueueOptions } from '../../../../src/messaging/queue/types.js'
import { work } from '../../../../src/messaging/queue/work.js'
import { FakeJobStore } from '../../../support/fake-job-store.js'
import { textLogger } from '../../../support/line-logger.js'
import { localAddress } from '../../../support/local-address.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { waitFor } from '../../../support/wait-for.js'

let address = ''
const open: { close(options?: object): Promise<void> }[] = []
beforeEach(() => {
  address = localAddress(ownRuntimeDirectory())
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close({ timeoutMs: 0 }).catch(() => {})
})

async function queueOn(store: FakeJobStore, options: QueueOptions = {}): Promise<Queue> {
  const queue = await createQueueWith(
    address,
    { backOff: { minMs: 1, maxMs: 1 }, channel: { transport: 'socket' }, ...options },
    queueCodec(undefined),
    store,
  )
  open.push(queue)
  return queue
}

async function worker(handler: (job: unknown) => unknown): Promise<void> {
  open.push(await work(address, handler, { channel: { transport: 'socket' } }))
}

const typesOf = ({ changes }: { changes: readonly JobChange[] }): string[] => changes.map(({ type }) => type)

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether the promise has settled. */
function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false }
  const settle = (): void => {
    state.settled = true
  }
  promise.then(settle, settle)
  return state
}

describe('a queue with a store', () => {
  it('resolves pushes when the store has them, of one turn together', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store)
    const pushes = [1, 2, 3].map((job) => queue.push(job))
    const states = pushes.map(watch)
    await turns()
    expect(store.writes.map(typesOf)).toEqual([['add', 'add', 'add']])
    expect(states.some(({ settled }) => settled)).toBe(false)
    store.commit()
    await Promise.all(pushes)
    expect([...store.jobs.keys()]).toEqual([1, 2, 3])
    store.release()
  })

  it('resolves a duplicate when the store has the first job', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store)
    const first = queue.push(1, { id: 'same' })
    await turns()
    const second = queue.push(1, { id: 'same' })
    const state = watch(second)
    await turns()
    expect(state.settled).toBe(false)
    store.release()
    expect([await first, await second].map(({ duplicate }) => duplicate)).toEqual([false, true])
    expect([...store.seen.keys()]).toEqual(['same'])
  })

  it('dispatches a job when the store has its attempt', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store)
    const ran: unknown[] = []
    await worker((job) => ran.push(job))
    const pushed = queue.push('job')
    await waitFor(() => expect(store.writes.map(typesOf)).toEqual([['add', 'attempt']]))
    await turns()
    expect(ran).toEqual([])
    store.release()
    await pushed
    await waitFor(() => expect(ran).toEqual(['job']))
    await waitFor(() => expect(store.jobs.size).toBe(0))
  })

  it('answers a request when the store has removed its job', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store)
    await worker(() => 'result')
    const request = queue.request('job')
    const state = watch(request)
    await waitFor(() => expect(store.writes.map(typesOf)).toEqual([['add', 'attempt']]))
    store.commit()
    await waitFor(() => expect(store.writes.flatMap(typesOf)).toEqual(['remove']))
    await turns()
    expect(state.settled).toBe(false)
    store.release()
    expect(await request).toBe('result')
  })

  it('continues in a new process with the jobs, and knows their ids', async () => {
    const store = new FakeJobStore()
    const first = await queueOn(store, { attempts: 1 })
    await first.push({ number: 1 }, { id: 'one', key: 'k', headers: { a: 'b' } })
    await first.push({ number: 2 }, { delayMs: 3_600_000 })
    await first.close()
    expect(store.closed).toBe(true)
    const second = await queueOn(store)
    expect(await second.stats()).toMatchObject({ waiting: 1, delayed: 1 })
    expect((await second.push(1, { id: 'one' })).duplicate).toBe(true)
    const ran: unknown[] = []
    await worker((job) => ran.push(job))
    await waitFor(() => expect(ran).toEqual([{ number: 1 }]))
  })

  it('keeps dead jobs', async () => {
    const store = new FakeJobStore()
    const first = await queueOn(store, { attempts: 1 })
    await worker(() => {
      throw new Error('no')
    })
    await first.push('bad', { id: 'bad' })
    await waitFor(async () => expect((await first.stats()).dead).toBe(1))
    for (const one of open.splice(0).toReversed()) await one.close()
    const second = await queueOn(store)
    expect(await second.deadJobs()).toMatchObject([
      { job: 'bad', id: 'bad', reason: 'Error: no', attempts: 1 },
    ])
    expect(await second.retryDead()).toBe(1)
  })

  it('rejects pushes and ends workers when the store fails', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store)
    const client = await openQueue(address, { channel: { transport: 'socket' } })
    open.push(client)
    const pushes = [queue.push(1), client.push(2), client.push(3, { timeoutMs: 60_000 })]
    await waitFor(() => expect(store.writes.length).toBeGreaterThan(0))
    await waitFor(async () => expect((await queue.stats()).waiting).toBe(3))
    store.fail()
    for (const push of pushes)
      await expect(push).rejects.toMatchObject({ code: 'ERR_SHMWIRE_UNAVAILABLE', executed: 'unknown' })
    await expect(queue.push(4)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_UNAVAILABLE' })
    await expect(client.push(4)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_UNAVAILABLE' })
    await expect(work(address, () => {}, { channel: { transport: 'socket' } })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_UNAVAILABLE',
    })
  })

  it('ends requests, and says so, when the store fails', async () => {
    const store = new FakeJobStore({ holds: true })
    const lines: string[] = []
    const logger = textLogger(lines)
    const channel = { transport: 'socket' as const, logger }
    const queue = await queueOn(store, { channel })
    const client = await openQueue(address, { channel: { transport: 'socket' } })
    open.push(client)
    await worker(() => 'result')
    const requests = [queue.request('a'), client.request('b')]
    const outcomes = Promise.allSettled(requests)
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ leased: 1, waiting: 1 }))
    store.fail()
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ reason: { code: 'ERR_SHMWIRE_UNAVAILABLE', executed: 'unknown' } })
    await expect(queue.push('late')).rejects.toMatchObject({ executed: 'no' })
    await expect(client.push('late')).rejects.toMatchObject({ executed: 'no' })
    await expect(queue.stats()).rejects.toMatchObject({ code: 'ERR_SHMWIRE_UNAVAILABLE' })
    expect(lines.some((line) => line.startsWith('queue.stopped '))).toBe(true)
    await queue.close({ timeoutMs: 10_000 })
    expect(store.closed).toBe(true)
  })

  it('begins no copy of a dead job after its store has failed', async () => {
    const store = new FakeJobStore()
    let copies = 0
    const deadLetters = {
      push: () => {
        copies += 1
        return Promise.reject(new Error('absent'))
      },
    }
    const queue = await queueOn(store, { attempts: 1, deadLetters: deadLetters as never })
    await worker(() => {
      throw new Error('no')
    })
    await queue.push('bad')
    await waitFor(() => expect(copies).toBeGreaterThan(0))
    store.hold()
    queue.push('next').catch(() => {})
    await waitFor(() => expect(store.writes.length).toBeGreaterThan(0))
    store.fail()
    await turns()
    await expect(queue.push('late')).rejects.toMatchObject({ executed: 'no' })
    await queue.close()
    const before = copies
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(copies).toBe(before)
  })

  it('counts no attempt for a job that it has not sent', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store, { attempts: 1, timeLimitMs: 20 })
    await worker(() => 'done')
    const request = queue.request('job')
    await waitFor(() => expect(store.writes.map(typesOf)).toEqual([['add', 'attempt']]))
    // The disk is slower than the time limit.
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await queue.stats()).toMatchObject({ leased: 1, failed: 0 })
    store.release()
    expect(await request).toBe('done')
  })

  it('returns the jobs that a worker has not got when it leaves', async () => {
    const store = new FakeJobStore({ holds: true })
    const queue = await queueOn(store, { attempts: 1 })
    const leaving = await work(address, () => {}, { channel: { transport: 'socket' } })
    const pushed = queue.push('job')
    await waitFor(() => expect(store.writes.map(typesOf)).toEqual([['add', 'attempt']]))
    await leaving.close({ timeoutMs: 0 }).catch(() => {})
    await waitFor(async () =>
      expect(await queue.stats()).toMatchObject({ workers: 0, waiting: 1, dead: 0, failed: 0 }),
    )
    const ran: number[] = []
    open.push(
      await work(address, (_job, { attempt }) => void ran.push(attempt), {
        channel: { transport: 'socket' },
      }),
    )
    store.release()
    await pushed
    await waitFor(() => expect(ran).toEqual([1]))
  })

  it('buries a job in its last attempt after a retry when its process ends', async () => {
    const store = new FakeJobStore()
    const first = await queueOn(store, { attempts: 2 })
    let runs = 0
    await worker(() => {
      runs += 1
      if (runs === 1) throw new Error('once')
      return new Promise(() => {})
    })
    await first.push('job')
    await waitFor(() => expect(runs).toBe(2))
    // The process ends here: the store keeps what it has.
    const left = new FakeJobStore()
    for (const [sequence, job] of store.jobs) left.jobs.set(sequence, job)
    for (const one of open.splice(0).toReversed()) await one.close({ timeoutMs: 0 }).catch(() => {})
    const second = await queueOn(left)
    expect(await second.stats()).toMatchObject({ dead: 1, waiting: 0, delayed: 0 })
  })

  it('resolves retryDead when the store has the change, and refuses it after a failure', async () => {
    const store = new FakeJobStore()
    const queue = await queueOn(store, { attempts: 1 })
    await worker(() => {
      throw new Error('no')
    })
    await queue.push('bad')
    await waitFor(async () => expect((await queue.stats()).dead).toBe(1))
    await open.pop()?.close()
    store.hold()
    const retried = queue.retryDead()
    const state = watch(retried)
    await turns()
    expect(state.settled).toBe(false)
    store.commit()
    expect(await retried).toBe(1)
    queue.push('next').catch(() => {})
    await waitFor(() => expect(store.writes.length).toBeGreaterThan(0))
    store.fail()
    await turns()
    await expect(queue.retryDead()).rejects.toMatchObject({ code: 'ERR_SHMWIRE_UNAVAILABLE', executed: 'no' })
  })

  it('rejects a job that the store cannot keep', async () => {
    const store = Object.assign(new FakeJobStore(), { jobBytesMax: 100 })
    const queue = await queueOn(store)
    await expect(queue.push('x'.repeat(200))).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
      executed: 'no',
    })
    await queue.push('short')
  })

  it('closes within its time when the store does not', async () => {
    const store = Object.assign(new FakeJobStore(), { close: () => new Promise<void>(() => {}) })
    const queue = await queueOn(store)
    await expect(queue.close({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
  })

  it('copies no dead job and does not wake when the queue cannot listen', async () => {
    const store = new FakeJobStore()
    const first = await queueOn(store, { attempts: 1 })
    await worker(() => {
      throw new Error('no')
    })
    await first.push('bad')
    await waitFor(async () => expect((await first.stats()).dead).toBe(1))
    for (const one of open.splice(0).toReversed()) await one.close()
    let copies = 0
    const deadLetters = {
      push: async () => {
        copies += 1
      },
    }
    const refused = queueOn(store, {
      channel: { transport: 'nothing' as never },
      deadLetters: deadLetters as never,
    })
    await expect(refused).rejects.toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    await turns()
    expect(copies).toBe(0)
  })

  it('closes the store when the queue cannot listen', async () => {
    const store = new FakeJobStore()
    await expect(queueOn(store, { channel: { transport: 'nothing' as never } })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
    })
    expect(store.closed).toBe(true)
  })
})
