import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listen, type Server } from '../../../../src/listen.js'
import { createQueue } from '../../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../../src/messaging/queue/open-queue.js'
import type { Queue, QueueClient, QueueEngine, QueueOptions } from '../../../../src/messaging/queue/types.js'
import { work } from '../../../../src/messaging/queue/work.js'
import { policy } from '../../../../src/service/auth/policy.js'
import { localAddress } from '../../../support/local-address.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'

const SOCKET = { channel: { transport: 'socket' } } as const
const isInvalid = { code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }

let address = ''
const open: { close(options?: object): Promise<void> }[] = []
beforeEach(() => {
  address = localAddress(ownRuntimeDirectory())
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close({ timeoutMs: 0 }).catch(() => {})
})

function keep<T extends (typeof open)[number]>(one: T): T {
  open.push(one)
  return one
}

const create = async (options: QueueOptions = {}): Promise<Queue> =>
  keep(await createQueue(address, { ...SOCKET, ...options }))
const client = async (options: object = {}): Promise<QueueClient> =>
  keep(await openQueue(address, { ...SOCKET, ...options }))

describe('a queue', () => {
  it.each<[object]>([
    [{ attempts: 0 }],
    [{ attempts: 1_001 }],
    [{ timeLimitMs: 0 }],
    [{ timeLimitMs: 86_400_001 }],
    [{ backOff: { minMs: 0 } }],
    [{ backOff: { minMs: 10, maxMs: 5 } }],
    [{ backOff: { max: 5 } }],
    [{ backOff: 5 }],
    [{ maxJobs: 0 }],
    [{ maxBytes: 1.5 }],
    [{ maxDead: -1 }],
    [{ maxIds: 0 }],
    [{ dedupWindowMs: -1 }],
    [{ deadLetters: {} }],
    [{ codec: 'xml' }],
    [{ store: '' }],
    [{ name: 'a b' }],
    [{ maxjobs: 5 }],
    [{ policy: {} }],
  ])('refuses the option %j', async (options) => {
    await expect(create(options as QueueOptions)).rejects.toMatchObject(isInvalid)
  })

  it.each<[object]>([
    [{ id: '' }],
    [{ id: 'a\nb' }],
    [{ id: 'x'.repeat(256) }],
    [{ id: 5 }],
    [{ key: '' }],
    [{ key: 'a..b' }],
    [{ headers: { 'a b': 'c' } }],
    [{ delayMs: -1 }],
    [{ delayMs: 31 * 86_400_000 }],
    [{ attempts: 1_001 }],
    [{ timeoutMs: -1 }],
    [{ signal: {} }],
    [{ delay: 5 }],
  ])('refuses a push with %j, on both sides', async (options) => {
    const queue = await create()
    for (const side of [queue, await client()]) {
      await expect(side.push(1, options as never)).rejects.toMatchObject(isInvalid)
      await expect(side.request(1, options as never)).rejects.toMatchObject(isInvalid)
    }
    expect((await queue.stats()).pushed).toBe(0)
  })

  it('shares a server with other queues and services, by its name', async () => {
    const server: Server = keep(await listen(address, { transport: 'socket' }))
    const first = keep(await createQueue(server))
    const second = keep(await createQueue(server, { name: 'second' }))
    await (await client({ name: 'second' })).push(1)
    expect([(await first.stats()).pushed, (await second.stats()).pushed]).toEqual([0, 1])
    expect([first.address, second.address]).toEqual([server.address, server.address])
    await second.close()
    await expect((await client({ name: 'second' })).push(2)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_NO_HANDLER',
      executed: 'no',
    })
    await (await client()).push(3)
  })

  it('applies a policy to push, request and work', async () => {
    const queue = await create({
      policy: policy({ 'shmwire.queue/push': ['local'], 'shmwire.queue/work': ['workers'] }),
    })
    const pusher = await client()
    await pusher.push(1)
    const denied = { status: 'PERMISSION_DENIED' }
    await expect(pusher.request(1)).rejects.toMatchObject(denied)
    await expect(pusher.stats()).rejects.toMatchObject(denied)
    await expect(pusher.deadJobs()).rejects.toMatchObject(denied)
    await expect(pusher.retryDead()).rejects.toMatchObject(denied)
    await expect(work(address, () => {}, SOCKET)).rejects.toMatchObject(denied)
    expect((await queue.stats()).pushed).toBe(1)
  })

  it('refuses a policy for a method that it does not have', async () => {
    await expect(create({ policy: policy({ 'shmwire.queue/pop': true }) })).rejects.toMatchObject(isInvalid)
  })

  it('rejects clients and workers of an absent queue, unless they wait for it', async () => {
    await expect(client()).rejects.toMatchObject({ code: 'ERR_SHMWIRE_NOT_LISTENING' })
    await expect(work(address, () => {}, SOCKET)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_NOT_LISTENING' })
    await expect(client({ waitForServer: true, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_TIMEOUT',
    })
    await expect(
      work(address, () => {}, { ...SOCKET, waitForServer: true, timeoutMs: 50 }),
    ).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_TIMEOUT',
    })
    const ran: unknown[] = []
    const waiting = Promise.all([
      client({ waitForServer: true }),
      work(address, (job) => void ran.push(job), { ...SOCKET, waitForServer: true }),
    ])
    await create()
    const [pusher, worker] = await waiting
    keep(worker)
    await pusher.request('job')
    expect(ran).toEqual(['job'])
  })

  it('passes its calls on to an engine, without the option', async () => {
    const calls: unknown[] = []
    const engine = {
      createQueue: async (...call: unknown[]) => calls.push(call),
      openQueue: async (...call: unknown[]) => calls.push(call),
      work: async (...call: unknown[]) => calls.push(call),
    } as unknown as QueueEngine
    const handler = (): void => {}
    await createQueue('jobs', { engine, attempts: 2 })
    await openQueue('jobs', { engine, codec: 'json' })
    await work('jobs', handler, { engine, concurrency: 3 })
    expect(calls).toEqual([
      ['jobs', { attempts: 2 }],
      ['jobs', { codec: 'json' }],
      ['jobs', handler, { concurrency: 3 }],
    ])
    await expect(openQueue('', { engine })).rejects.toMatchObject(isInvalid)
  })

  it('rejects the pushes of a closed client, and closes twice', async () => {
    const queue = await create()
    const pusher = await client()
    await pusher.close()
    await pusher.close()
    await expect(pusher.push(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
    await expect(pusher.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
    await queue.close()
    await queue.close()
    await expect(queue.request(1)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
  })

  it('ends requests and pushes that wait when it closes', async () => {
    const queue = await create({ maxJobs: 1 })
    const pusher = await client()
    const request = pusher.request('never runs')
    request.catch(() => {})
    while ((await queue.stats()).waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const push = pusher.push('waits')
    push.catch(() => {})
    const local = queue.push('waits too')
    local.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 50))
    await queue.close()
    await expect(request).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'unknown' })
    await expect(push).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
    await expect(local).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
  })
})
