import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { bindQueue, type QueueBinding } from '../../../src/messaging/bind-queue.js'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import type { Queue, QueueClient } from '../../../src/messaging/queue/types.js'
import { work } from '../../../src/messaging/queue/work.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import type { Topic } from '../../../src/messaging/topic/types.js'
import { localAddress } from '../../support/local-address.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'
import { waitFor } from '../../support/wait-for.js'
import { gate, numbers } from './queue-fixture.js'

let directory = ''
const open: { close(options?: object): Promise<void> }[] = []
beforeEach(() => {
  directory = ownRuntimeDirectory()
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close({ timeoutMs: 1_000 }).catch(() => {})
})

function keep<T extends (typeof open)[number]>(one: T): T {
  open.push(one)
  return one
}

async function topicAndQueue(options: object = {}): Promise<{ topic: Topic; queue: Queue }> {
  const topic = keep(await createTopic(localAddress(directory, 'topic'), options))
  const queue = keep(await createQueue(localAddress(directory, 'queue')))
  return { topic, queue }
}

async function bind(queue: QueueClient, topic: Topic, keys?: string): Promise<QueueBinding> {
  return keep(await bindQueue(queue, topic.address, keys))
}

interface Ran {
  readonly job: unknown
  readonly key: string | undefined
  readonly headers: object
}

async function runAll(queue: Queue): Promise<Ran[]> {
  const ran: Ran[] = []
  keep(
    await work(queue.address, (job, { key, headers }) => void ran.push({ job, key, headers }), {
      concurrency: 50,
    }),
  )
  return ran
}

describe('bindQueue', () => {
  it('pushes every message that is published after it resolved, with its key and headers', async () => {
    const { topic, queue } = await topicAndQueue()
    await topic.publish('before')
    const binding = await bind(queue, topic)
    for (const number of numbers(500))
      await topic.publish({ number }, { key: 'a.b', headers: { n: `${number}` } })
    const ran = await runAll(queue)
    await waitFor(() => expect(ran.length).toBe(500))
    expect(ran).toEqual(
      numbers(500).map((number) => ({ job: { number }, key: 'a.b', headers: { n: `${number}` } })),
    )
    expect([binding.pushed, binding.lost, binding.lostUnknown]).toEqual([500, 0, false])
  })

  it('pushes only messages whose key matches', async () => {
    const { topic, queue } = await topicAndQueue()
    const binding = await bind(queue, topic, 'user.*')
    for (const key of ['user.created', 'order.created', 'user.deleted', 'user.created.twice', undefined])
      await topic.publish(key ?? 'none', { key })
    await topic.publish('last', { key: 'user.last' })
    const ran = await runAll(queue)
    await waitFor(() => expect(ran.length).toBe(3))
    expect(ran.map(({ job }) => job)).toEqual(['user.created', 'user.deleted', 'last'])
    expect(binding.pushed).toBe(3)
  })

  it('counts the messages that the topic lost while the queue was slow', async () => {
    const { topic } = await topicAndQueue({ ringBytes: 64 * 1024 })
    const { opened, open: release } = gate()
    let held = 0
    const slow = {
      push: async () => {
        await opened
        held += 1
        return { id: '', duplicate: false }
      },
    }
    const binding = await bind(slow as unknown as QueueClient, topic)
    const long = 'x'.repeat(1_000)
    for (const _ of numbers(2_000)) {
      await topic.publish(long)
      if (_ % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    release()
    await topic.close()
    await binding.ended
    expect(binding.lost).toBeGreaterThan(0)
    expect([binding.pushed + binding.lost, held]).toEqual([2_000, binding.pushed])
  })

  it('repeats a push that may not have reached the queue, which drops the second one', async () => {
    const { topic, queue } = await topicAndQueue()
    let failures = 0
    const unreliable = {
      push: async (job: unknown, options: object) => {
        const pushed = await queue.push(job, options)
        failures += 1
        if (failures % 2 === 1) throw new ShmwireError(ErrorCode.PEER_GONE, 'gone', { executed: 'unknown' })
        return pushed
      },
    }
    const binding = await bind(unreliable as unknown as QueueClient, topic)
    for (const number of numbers(50)) await topic.publish(number)
    const ran = await runAll(queue)
    await topic.close()
    await binding.ended
    await waitFor(() => expect(ran.length).toBe(50))
    expect(ran.map(({ job }) => job).toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(50))
    expect(failures).toBe(100)
  })

  it('ends with the error of a queue that refuses a message for ever', async () => {
    const { topic } = await topicAndQueue()
    const broken = {
      push: () => Promise.reject(new ShmwireError(ErrorCode.INVALID_ARGUMENT, 'refused')),
    }
    const binding = await bind(broken as unknown as QueueClient, topic)
    await topic.publish(1)
    await expect(binding.ended).rejects.toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
  })

  it('pushes no further message after its close', async () => {
    const { topic, queue } = await topicAndQueue()
    const binding = await bind(queue, topic)
    await topic.publish(1)
    await waitFor(() => expect(binding.pushed).toBe(1))
    await binding.close()
    await topic.publish(2)
    await binding.ended
    expect((await queue.stats()).pushed).toBe(1)
  })

  it('refuses wrong arguments', async () => {
    const { topic, queue } = await topicAndQueue()
    const isInvalid = { code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }
    await expect(bindQueue({} as QueueClient, topic.address)).rejects.toMatchObject(isInvalid)
    await expect(bindQueue(queue, topic.address, 'a', { kezs: 1 } as object)).rejects.toMatchObject(isInvalid)
    await expect(bindQueue(queue, topic.address, 'a..b')).rejects.toMatchObject(isInvalid)
  })
})
