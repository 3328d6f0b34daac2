/* oxlint-disable unicorn/no-thenable -- results of handlers under test */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../../src/channel/channel.js'
import { connect } from '../../../../src/connect.js'
import { createQueue } from '../../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../../src/messaging/queue/open-queue.js'
import type {
  JobHandler,
  Queue,
  QueueOptions,
  Worker,
  WorkOptions,
} from '../../../../src/messaging/queue/types.js'
import { work } from '../../../../src/messaging/queue/work.js'
import { localAddress } from '../../../support/local-address.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { waitFor } from '../../../support/wait-for.js'

const SOCKET = { transport: 'socket' } as const

let address = ''
const open: { close(options?: object): Promise<void> }[] = []
beforeEach(() => {
  address = localAddress(ownRuntimeDirectory())
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close({ timeoutMs: 0 }).catch(() => {})
})

async function create(options: QueueOptions = {}): Promise<Queue> {
  const queue = await createQueue(address, { backOff: { minMs: 1, maxMs: 1 }, channel: SOCKET, ...options })
  open.push(queue)
  return queue
}

async function begin(handler: JobHandler<never, unknown>, options: WorkOptions = {}): Promise<Worker> {
  const worker = await work(address, handler, { channel: SOCKET, ...options })
  open.push(worker)
  return worker
}

describe('a worker', () => {
  it('fails a job whose result is too long for the channel, and keeps its other jobs', async () => {
    const queue = await create({ attempts: 1, channel: { ...SOCKET, maxMessageBytes: 10_000 } })
    let runs = 0
    let end = (): void => {}
    const other = new Promise<void>((resolve) => {
      end = resolve
    })
    await begin(
      async (job) => {
        runs += 1
        if (job === 'long') return 'x'.repeat(20_000)
        await other
        return 'other'
      },
      { concurrency: 2, channel: { ...SOCKET, maxMessageBytes: 10_000 } },
    )
    const waiting = queue.request('other')
    await expect(queue.request('long')).rejects.toMatchObject({
      message: expect.stringContaining('raise maxMessageBytes'),
    })
    end()
    expect(await waiting).toBe('other')
    expect([runs, (await queue.stats()).redelivered]).toEqual([2, 0])
  })

  it('gets many jobs at once over a channel with short messages', async () => {
    const short = { ...SOCKET, maxMessageBytes: 2_000 }
    const queue = await create({ attempts: 1, channel: short })
    const client = await openQueue(address, { channel: short })
    open.push(client)
    const body = 'x'.repeat(300)
    await Promise.all(Array.from({ length: 100 }, () => client.push(body)))
    let runs = 0
    await begin(
      () => {
        runs += 1
      },
      { concurrency: 50, channel: short },
    )
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ completed: 100, dead: 0 }))
    expect(runs).toBe(100)
  })

  it('lists many dead jobs over a channel with short messages', async () => {
    const short = { ...SOCKET, maxMessageBytes: 2_000 }
    const queue = await create({ attempts: 1, channel: short })
    const client = await openQueue(address, { channel: short })
    open.push(client)
    await begin(() => {
      throw new Error('no')
    })
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => client.push('x'.repeat(300), { id: `${index}` })),
    )
    await waitFor(async () => expect((await queue.stats()).dead).toBe(30))
    expect(await client.deadJobs()).toHaveLength(30)
  })

  it.each([
    [
      'a value without a text',
      async () => {
        throw Object.create(null)
      },
    ],
    [
      'a result whose then cannot be read',
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: the value under test
        get then() {
          throw new Error('no')
        },
      }),
    ],
  ])('continues after %s', async (_what, act) => {
    const queue = await create({ attempts: 1 })
    const worker = await begin((job) => (job === 'bad' ? act() : 'good'))
    await queue.push('bad')
    expect(await queue.request('next')).toBe('good')
    expect([(await queue.stats()).dead, worker.running]).toEqual([1, 0])
  })

  it('ends a job once for a result that settles twice', async () => {
    const queue = await create()
    await begin((job) =>
      job === 'twice'
        ? {
            // biome-ignore lint/suspicious/noThenProperty: the value under test
            then: (resolve: (value: string) => void, reject: (error: Error) => void) => {
              resolve('first')
              resolve('second')
              reject(new Error('third'))
            },
          }
        : job,
    )
    expect(await queue.request('twice')).toBe('first')
    expect(await queue.request('next')).toBe('next')
    expect(await queue.stats()).toMatchObject({ completed: 2, failed: 0 })
  })

  it('counts handlers of an earlier connection, and no job loses an attempt behind them', async () => {
    const queue = await create({ timeLimitMs: 200 })
    const channels: Channel[] = []
    const ends: (() => void)[] = []
    const seen: [unknown, number][] = []
    const worker = await work(
      async () => {
        const channel = await connect(address, SOCKET)
        channels.push(channel)
        return channel
      },
      (job, { attempt }) => {
        seen.push([job, attempt])
        // Ignores its signal.
        return job === 'stuck' && attempt === 1
          ? new Promise<void>((resolve) => ends.push(resolve))
          : undefined
      },
      { concurrency: 1 },
    )
    open.push(worker)
    await queue.push('stuck')
    await waitFor(() => expect(seen).toHaveLength(1))
    channels[0]?.destroy()
    await queue.push('next')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect([seen.length, (await queue.stats()).leased]).toEqual([1, 0])
    ends[0]?.()
    await waitFor(() => expect(seen).toContainEqual(['next', 1]))
    await waitFor(async () => expect((await queue.stats()).completed).toBe(2))
  })

  it('gives replies of different jobs with one id different ids', async () => {
    const queue = await create({ dedupWindowMs: 0 })
    const ids: (string | undefined)[] = []
    const answers = { push: async (_job: unknown, options?: { id?: string }) => void ids.push(options?.id) }
    await begin(() => 'result', { replyQueues: { answers: answers as never } })
    for (let count = 0; count < 2; count += 1)
      await queue.push('job', { id: '42', headers: { 'reply-to': 'answers' } })
    await waitFor(() => expect(ids).toHaveLength(2))
    expect(new Set(ids).size).toBe(2)
  })

  it('closes while it waits for a connection without holding the process', async () => {
    const queue = await create()
    const worker = await begin(() => {})
    await queue.close()
    await worker.close()
    expect(worker.running).toBe(0)
  })
})
