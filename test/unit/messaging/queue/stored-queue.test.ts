import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createQueueWith } from '../../../../src/messaging/queue/create-queue.js'
import type { JobChange } from '../../../../src/messaging/queue/job-store.js'
import { openQueue } from '../../../../src/messaging/queue/open-queue.js'
import { queueCodec } from '../../../../src/messaging/queue/queue-codec.js'
import type { Queue, QueueOptions } from '../../../../src/messaging/queue/types.js'
import { work } from '../../../../src/messaging/queue/work.js'
import { FakeJobStore } from '../../../support/fake-job-store.js'
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

  it('closes the store when the queue cannot listen', async () => {
    const store = new FakeJobStore()
    await expect(queueOn(store, { channel: { transport: 'nothing' as never } })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
    })
    expect(store.closed).toBe(true)
  })
})
