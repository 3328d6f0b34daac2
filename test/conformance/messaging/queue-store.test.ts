// The suite of queues with a store, and what only a queue with a store does.
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SqliteStore } from '../../../src/engine/sqlite/sqlite-store.js'
import { ErrorCode } from '../../../src/errors.js'
import { createQueue, createQueueWith } from '../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../src/messaging/queue/open-queue.js'
import { queueCodec } from '../../../src/messaging/queue/queue-codec.js'
import type { Queue, QueueOptions } from '../../../src/messaging/queue/types.js'
import { work } from '../../../src/messaging/queue/work.js'
import { ensureBuilt } from '../../support/build.js'
import { localAddress } from '../../support/local-address.js'
import { pipeNamesAreExclusive } from '../../support/pipe-names.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { ALL_FEATURES, FAST, gate, Log, numbers, type QueuePlace } from './queue-fixture.js'
import { queueSuite } from './queue-suite.js'

beforeAll(() => ensureBuilt())

let count = 0
function newAddress(): string {
  count += 1
  return localAddress(temporaryDirectory(), `s${count}`)
}

function storedPlace(): QueuePlace {
  const address = newAddress()
  const store = join(temporaryDirectory(), 'jobs.sqlite')
  return {
    create: (options) => createQueue(address, { ...options, store }),
    open: (options) => openQueue(address, options),
    work: (handler, options) => work(address, handler, options),
  }
}

queueSuite({ name: 'a store', features: ALL_FEATURES, place: storedPlace })

describe('a queue with a store', () => {
  let address = ''
  let store = ''
  beforeEach(() => {
    address = newAddress()
    store = join(temporaryDirectory(), 'jobs.sqlite')
  })

  const create = (options?: QueueOptions): Promise<Queue> =>
    createQueue(address, { ...FAST, ...options, store })

  it('has the jobs of an earlier one, in their order', async () => {
    const first = await create()
    await Promise.all(
      numbers(50).map((job) => first.push({ job }, { key: `key.${job}`, headers: { of: 'it' } })),
    )
    await first.close()
    await using second = await create()
    expect(second.store).toBe(store)
    const log = new Log<unknown>()
    await using _worker = await work(address, (job, { key, headers, attempt }) => {
      log.add({ job, key, headers, attempt })
    })
    await log.atLeast(50)
    expect(log.items).toEqual(
      numbers(50).map((job) => ({ job: { job }, key: `key.${job}`, headers: { of: 'it' }, attempt: 1 })),
    )
  })

  it('runs no finished job again', async () => {
    const first = await create()
    const log = new Log<unknown>()
    const worker = await work(address, (job) => log.add(job), { concurrency: 10 })
    await Promise.all(numbers(100).map((job) => first.request(job)))
    await worker.close()
    await first.close()
    await using second = await create()
    expect(await second.stats()).toMatchObject({ waiting: 0, delayed: 0, leased: 0, dead: 0, bytes: 0 })
    expect(log.items).toHaveLength(100)
  })

  it('knows the ids of jobs that were pushed within the window, also of finished ones', async () => {
    const first = await create()
    const worker = await work(address, () => undefined)
    await first.push('waits', { id: 'one', delayMs: 60_000 })
    await first.request('runs', { id: 'two' })
    await worker.close()
    await first.close()
    await using second = await create()
    expect(await second.push('again', { id: 'one' })).toEqual({ id: 'one', duplicate: true })
    expect(await second.push('again', { id: 'two' })).toEqual({ id: 'two', duplicate: true })
    expect(await second.push('other', { id: 'three' })).toMatchObject({ duplicate: false })
  })

  it('keeps dead jobs, with their reasons', async () => {
    const first = await create({ attempts: 2 })
    const worker = await work(address, () => {
      throw new Error('not today')
    })
    await expect(first.request('fails', { id: 'dead one' })).rejects.toThrow('not today')
    await worker.close()
    const [dead] = await first.deadJobs()
    await first.close()
    const second = await create()
    expect(await second.deadJobs()).toEqual([dead])
    expect(dead).toMatchObject({ id: 'dead one', attempts: 2, job: 'fails' })
    expect(await second.retryDead()).toBe(1)
    await second.close()
    await using third = await create()
    expect(await third.stats()).toMatchObject({ waiting: 1, dead: 0 })
  })

  it('counts the attempts of an earlier one', async () => {
    const first = await create({ attempts: 3 })
    const started = gate()
    const held = gate()
    const worker = await work(address, async () => {
      started.open()
      await held.opened
    })
    await first.push('held')
    await started.opened
    await first.close({ timeoutMs: 0 }).catch(() => {})
    held.open()
    await worker.close({ timeoutMs: 0 }).catch(() => {})
    await using _second = await create({ attempts: 3 })
    const attempts = new Log<number>()
    await using _worker = await work(address, (_job, { attempt }) => attempts.add(attempt))
    await attempts.atLeast(1)
    expect(attempts.items).toEqual([2])
  })

  it('refuses the file of another queue, and another codec', async () => {
    const first = await create()
    const other = newAddress()
    await expect(createQueue(other, { store })).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
    await first.close()
    await expect(create({ codec: 'json' })).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    await (await create()).close()
  })

  it('ends with the error of the store, and rejects pushes', async () => {
    const failing = new SqliteStore(store, { thread: false })
    const write = failing.write.bind(failing)
    let isFull = false
    failing.write = (changes) => write(isFull ? [...changes, ...changes] : changes)
    const queue = await createQueueWith(address, {}, queueCodec(undefined), failing)
    await queue.push('fits')
    isFull = true
    // The second copy of the same job violates a constraint of the table.
    await expect(queue.push('fails')).rejects.toMatchObject({ code: ErrorCode.CORRUPT, executed: 'unknown' })
    await expect(queue.push('later')).rejects.toMatchObject({ code: ErrorCode.CORRUPT })
    await queue.close()
    await using again = await createQueue(address, { store: join(temporaryDirectory(), 'other.sqlite') })
    expect(await again.stats()).toMatchObject({ waiting: 0 })
  })

  it('releases the file when the address is in use', async ({ skip }) => {
    skip(!(await pipeNamesAreExclusive()), 'wine gives the name of a pipe to several servers')
    await using _other = await createQueue(address)
    await expect(create()).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
    await using _queue = await createQueue(newAddress(), { store })
  })
})
