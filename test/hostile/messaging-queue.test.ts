import { array, asyncProperty, assert as check, nat, uint8Array } from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { receivedError } from '../../src/messaging/carried-error.js'
import { encodeHeaders } from '../../src/messaging/headers.js'
import { createQueue } from '../../src/messaging/queue/create-queue.js'
import { jobFrame, pushHead } from '../../src/messaging/queue/job-frames.js'
import { openQueue } from '../../src/messaging/queue/open-queue.js'
import {
  calledAs,
  PushAnswer,
  PushFlag,
  PushResult,
  QueueFrame,
  type QueueMethod,
  queueContract,
  WorkerFrame,
} from '../../src/messaging/queue/protocol.js'
import type { Queue } from '../../src/messaging/queue/types.js'
import { work } from '../../src/messaging/queue/work.js'
import { EPOCH_BYTES, workAnswer, workHead } from '../../src/messaging/queue/work-head.js'
import { ClientConnection } from '../../src/service/client-connection.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { serve } from '../../src/service/serve.js'
import { ServiceCalls } from '../../src/service/service-calls.js'
import { localAddress } from '../support/local-address.js'
import { newSeed } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

const CODE = { refused: 'ERR_SHMWIRE_INVALID_ARGUMENT', corrupt: 'ERR_SHMWIRE_CORRUPT' }
const NO_HEADERS = encodeHeaders(undefined)

let address = ''
let queue: Queue
let channel: Channel
const closing: { close(options?: object): Promise<void> }[] = []
beforeEach(async () => {
  address = localAddress(ownRuntimeDirectory())
})
afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close({ timeoutMs: 0 }).catch(() => {})
})

async function begin(options: object = {}): Promise<void> {
  queue = await createQueue(address, { codec: 'bytes', maxJobs: 100, ...options })
  closing.push(queue)
  channel = await connect(address)
  closing.push(channel)
}

/** Calls a method of the queue with any bytes. */
function call(method: QueueMethod): (request: unknown) => Promise<Buffer> {
  const calls = new ServiceCalls(new ClientConnection(channel, undefined), 'shmwire.queue', {})
  const invoke = calls.function(method, calledAs(method))
  return (request) =>
    (invoke(request) as Promise<Buffer>).catch((error: unknown) => {
      throw receivedError(error)
    })
}

function frame(id: string, body = 'x', more: object = {}): Buffer {
  return jobFrame({
    id,
    key: undefined,
    headers: NO_HEADERS,
    body: Buffer.from(body),
    dedup: false,
    terms: undefined,
    ...more,
  })
}

const message = (...frames: Buffer[]): Buffer => Buffer.concat([pushHead('bytes', 0, 0), ...frames])

/** Changes bytes of a copy. */
function changed(bytes: Buffer, ...changes: [at: number, value: number][]): Buffer {
  const copy = Buffer.from(bytes)
  for (const [at, value] of changes) copy[at < 0 ? copy.length + at : at] = value
  return copy
}

/** The queue serves others as before. */
async function expectAlive(): Promise<void> {
  const client = await openQueue(address, { codec: 'bytes' })
  const worker = await work(address, (job) => job, { codec: 'bytes' })
  expect(String(await client.request(Buffer.from('alive')))).toBe('alive')
  await worker.close()
  await client.close()
}

describe('a queue refuses a message of a pusher that', () => {
  const HEAD = 8
  const one = message(frame('id'))
  const withTerms = message(
    frame('id', 'x', {
      terms: { attempts: 1, backOffMinMs: 1, backOffMaxMs: 1, timeLimitMs: 1, delayMs: 1 },
    }),
  )
  const withHeaders = message(frame('id', 'x', { headers: encodeHeaders({ a: 'b' }) }))

  it.each<[string, Buffer]>([
    ['is empty', Buffer.alloc(0)],
    ['has another version', changed(one, [0, 9])],
    ['cuts the name of the codec', Buffer.from([1, 0, 200, 65])],
    ['has another codec', changed(one, [7, 65])],
    ['has no job', message()],
    ['cuts the head of a job', one.subarray(0, HEAD + 4)],
    ['cuts a job', one.subarray(0, -1)],
    ['has a job without an id', changed(one, [HEAD + 1, 0])],
    ['has an id that is not UTF-8', changed(one, [HEAD + 10, 0xff])],
    ['has a body longer than the message', changed(one, [HEAD + 9, 0xff])],
    ['has headers longer than the message', changed(one, [HEAD + 5, 0xff])],
    ['has malformed headers', changed(withHeaders, [HEAD + 12, 0xff])],
    ['has too many attempts', changed(withTerms, [HEAD + 11, 0xff])],
    ['has a time limit beyond its bounds', changed(withTerms, [HEAD + 23, 0xff])],
    ['has a delay beyond its bounds', changed(withTerms, [HEAD + 27, 0xff])],
    ['has a back-off beyond its bounds', changed(withTerms, [HEAD + 15, 0xff])],
    ['has too many jobs', message(...Array.from({ length: 8_193 }, () => frame('i', '')))],
  ])('%s', async (_what, bytes) => {
    await begin()
    for (const method of ['push', 'request'] as const)
      await expect(call(method)(bytes)).rejects.toMatchObject({ code: CODE.refused })
    expect(await queue.stats()).toMatchObject({ pushed: 0, waiting: 0, bytes: 0 })
    await expectAlive()
  })

  it('has several jobs where one is allowed', async () => {
    await begin()
    const two = message(frame('a'), frame('b'))
    await expect(call('request')(two)).rejects.toMatchObject({ code: CODE.refused })
    await expect(call('push')(changed(two, [1, PushFlag.ALONE]))).rejects.toMatchObject({
      code: CODE.refused,
    })
  })

  it('is any bytes', async () => {
    await begin({ maxJobs: 1_000_000 })
    const push = call('push')
    const valid = message(frame('a', 'body'), frame('b', 'c', { key: 'k' }), frame('d'))
    await check(
      asyncProperty(array(nat()), uint8Array({ maxLength: 60 }), async (places, values) => {
        const changes = places.map((at, index): [number, number] => [
          at % valid.length,
          values[index % Math.max(1, values.length)] ?? 0,
        ])
        await push(changed(valid, ...changes)).catch(() => {})
        await push(Buffer.from(values)).catch(() => {})
      }),
      { seed: newSeed('bytes of a pusher'), numRuns: 300 },
    )
    const { pushed, waiting, delayed } = await queue.stats()
    expect(waiting + delayed).toBe(pushed)
  })
})

describe('a queue bounds a pusher that', () => {
  it('sends on although its jobs were refused', async () => {
    await begin({ maxJobs: 2 })
    const push = call('push')
    const three = message(frame('a'), frame('b'), frame('c'))
    const { ADDED, FULL } = PushResult
    expect([...(await push(three))]).toEqual([PushAnswer.EACH, ADDED, ADDED, FULL])
    for (let index = 0; index < 10; index += 1)
      expect([...(await push(three))]).toEqual([PushAnswer.EACH, FULL, FULL, FULL])
    // One message may wait for room; further ones are refused.
    const waits = changed(three, [1, PushFlag.WAITS])
    const waiting = push(waits)
    for (let index = 0; index < 10; index += 1)
      expect([...(await push(waits))]).toEqual([PushAnswer.EACH, FULL, FULL, FULL])
    const worker = await work(address, () => {}, { codec: 'bytes' })
    closing.push(worker)
    expect([...(await waiting)][0]).toBe(PushAnswer.EACH)
  })

  it('leaves while its jobs wait for room', async () => {
    await begin({ maxJobs: 1 })
    const push = call('push')
    await push(message(frame('a')))
    const waiting = push(changed(message(frame('b')), [1, PushFlag.WAITS])).catch((error: unknown) => error)
    const alone = push(changed(message(frame('c')), [1, PushFlag.ALONE])).catch((error: unknown) => error)
    await push(message(frame('d')))
    channel.destroy()
    await Promise.all([waiting, alone])
    const ran: string[] = []
    const worker = await work(address, (job) => void ran.push(String(job)), { codec: 'bytes' })
    closing.push(worker)
    await queue.push(Buffer.from('last'))
    await waitFor(() => expect(ran).toContain('last'))
    expect(ran).toEqual(['x', 'last'])
  })
})

/** Frames that a worker sends by itself. */
async function fakeWorker(...messages: Buffer[]): Promise<unknown> {
  const calls = new ServiceCalls(new ClientConnection(channel, undefined), 'shmwire.queue', {})
  const invoke = calls.function('work', calledAs('work'))
  async function* outgoing(): AsyncGenerator<Buffer> {
    yield* messages
    // The worker stays until the queue ends the conversation.
    await new Promise(() => {})
  }
  try {
    for await (const _message of invoke(outgoing()) as AsyncIterable<Buffer>);
    return 'ended'
  } catch (error) {
    return receivedError(error)
  }
}

const slotFrame = (kind: number, slot: number, rest: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(5)
  head[0] = kind
  head.writeUInt32LE(slot, 1)
  return Buffer.concat([head, rest])
}

describe('a queue disconnects a worker that', () => {
  const head = workHead('bytes', 2)
  const length = (bytes: number): Buffer => {
    const buffer = Buffer.alloc(4)
    buffer.writeUInt32LE(bytes)
    return buffer
  }

  it.each<[string, Buffer[]]>([
    ['sends no first message', [Buffer.alloc(0)]],
    ['has another version', [changed(head, [0, 2])]],
    ['cuts the name of the codec', [head.subarray(0, -1)]],
    ['has another codec', [workHead('json', 1)]],
    ['asks for no job', [workHead('bytes', 0)]],
    ['asks for too many jobs', [workHead('bytes', 2 ** 32 - 1)]],
    ['acknowledges a job that it does not have', [head, slotFrame(WorkerFrame.DONE, 1)]],
    ['acknowledges a job of a slot that no worker has', [head, slotFrame(WorkerFrame.DONE, 2 ** 32 - 1)]],
    ['acknowledges a job twice', [head, slotFrame(WorkerFrame.DONE, 0), slotFrame(WorkerFrame.DONE, 1)]],
    ['returns a job that it does not have', [head, slotFrame(WorkerFrame.UNUSED, 7)]],
    ['extends a job that it does not have', [head, slotFrame(WorkerFrame.EXTEND, 7)]],
    ['sends a frame of an unknown kind', [head, slotFrame(99, 0)]],
    ['cuts a frame', [head, Buffer.from([WorkerFrame.DONE, 0])]],
    ['cuts the length of a result', [head, slotFrame(WorkerFrame.RESULT, 0)]],
    ['cuts a result', [head, slotFrame(WorkerFrame.RESULT, 0, length(10))]],
    [
      'sends a long error',
      [head, slotFrame(WorkerFrame.FAILED, 0, Buffer.concat([length(5_000), Buffer.alloc(5_000)]))],
    ],
  ])('%s', async (_what, messages) => {
    await begin({ backOff: { minMs: 1, maxMs: 1 } })
    await queue.push(Buffer.from('job'))
    expect(await fakeWorker(...messages)).toMatchObject({ code: CODE.refused })
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ workers: 0, leased: 0 }))
    await expectAlive()
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ waiting: 0, delayed: 0 }))
  })

  it('sends any bytes', async () => {
    await begin({ attempts: 1_000, backOff: { minMs: 1, maxMs: 1 } })
    await queue.push(Buffer.from('job'))
    await check(
      asyncProperty(
        array(uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 5 }),
        async (messages) => {
          const garbage = [...messages.map((bytes) => Buffer.from(bytes)), Buffer.from([99])]
          expect(await fakeWorker(head, ...garbage)).toMatchObject({ code: CODE.refused })
        },
      ),
      { seed: newSeed('bytes of a worker'), numRuns: 100 },
    )
    await waitFor(async () => expect((await queue.stats()).workers).toBe(0))
    await expectAlive()
  })
})

it('keeps the lease of a worker while another one acknowledges the same slot', async () => {
  await begin()
  let signal: AbortSignal | undefined
  const worker = await work(
    address,
    async (_job, context) => {
      signal = context.signal
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
    },
    { codec: 'bytes' },
  )
  closing.push(worker)
  await queue.push(Buffer.from('job'))
  await waitFor(() => expect(worker.running).toBe(1))
  await fakeWorker(workHead('bytes', 1), slotFrame(WorkerFrame.DONE, 0))
  expect([await queue.stats(), signal?.aborted]).toMatchObject([{ leased: 1, completed: 0 }, false])
})

/** A service with the name of a queue that answers with these bytes. */
async function fakeQueue(answers: {
  push?: Buffer
  work?: Buffer[]
  stats?: Buffer
  deadJobs?: Buffer
}): Promise<void> {
  const handlers = {
    push: () => answers.push,
    request: () => answers.push,
    work: async function* () {
      yield* answers.work ?? []
      await new Promise((resolve) => setTimeout(resolve, 100).unref())
    },
    stats: () => ({}),
    deadJobs: () => answers.deadJobs,
    retryDead: () => 'many',
  }
  closing.push(
    await serve<Contract>(address, handlers as unknown as Handlers<Contract>, {
      contract: queueContract('shmwire.queue'),
      validateOutput: false,
    }),
  )
}

const ANSWER = workAnswer(Buffer.alloc(EPOCH_BYTES))

describe('a worker is closed with CORRUPT by a queue that', () => {
  const dispatch = (slot: number): Buffer => {
    const head = Buffer.alloc(32)
    head[0] = QueueFrame.JOB
    head.writeUInt32LE(slot, 1)
    head[6] = 1
    head.writeUInt32LE(1, 10)
    head.writeUInt16LE(1, 14)
    head.writeUInt16LE(1, 16)
    head.writeUInt32LE(60_000, 18)
    return Buffer.concat([head, Buffer.from('ib')])
  }

  it.each<[string, Buffer[]]>([
    ['has another version', [Buffer.from([9, 0, 0, 0])]],
    ['sends a short first message', [Buffer.from([1])]],
    ['sends a job beyond the concurrency', [ANSWER, dispatch(1)]],
    ['sends a job in a slot that has one', [ANSWER, dispatch(0), dispatch(0)]],
    ['cuts a job', [ANSWER, dispatch(0).subarray(0, -1)]],
    ['cuts the head of a job', [ANSWER, dispatch(0).subarray(0, 20)]],
    ['ends a lease that is not there', [ANSWER, slotFrame(QueueFrame.LOST, 0)]],
    ['extends a lease without a request', [ANSWER, dispatch(0), slotFrame(QueueFrame.EXTENDED, 0)]],
    ['sends a frame of an unknown kind', [ANSWER, dispatch(0), slotFrame(77, 0)]],
    ['cuts a frame', [ANSWER, Buffer.from([QueueFrame.LOST])]],
  ])('%s', async (_what, frames) => {
    await fakeQueue({ work: frames })
    let ended: ((error: unknown) => void) | undefined
    const end = new Promise((resolve) => {
      ended = resolve
    })
    const handler = (): Promise<void> => new Promise(() => {})
    try {
      const worker = await work(address, handler, { codec: 'bytes' })
      closing.push(worker)
      worker.on('close', ended as (error: unknown) => void)
    } catch (error) {
      ended?.(error)
    }
    expect(await end).toMatchObject({ code: CODE.corrupt })
  })
})

describe('a client rejects with CORRUPT the answer of a queue that', () => {
  it.each<[string, object, (client: Awaited<ReturnType<typeof openQueue>>) => Promise<unknown>]>([
    ['has no byte', { push: Buffer.alloc(0) }, (client) => client.push(Buffer.from('a'))],
    ['has too many results', { push: Buffer.from([1, 0, 0]) }, (client) => client.push(Buffer.from('a'))],
    ['has an unknown result', { push: Buffer.from([1, 9]) }, (client) => client.push(Buffer.from('a'))],
    [
      'has no result for one job',
      { push: Buffer.from([1]) },
      (client) => client.push(Buffer.from('a'), { timeoutMs: 10_000 }),
    ],
    ['has an unknown reply', { push: Buffer.from([9]) }, (client) => client.request(Buffer.from('a'))],
    ['has no reply', { push: Buffer.alloc(0) }, (client) => client.request(Buffer.from('a'))],
    ['cuts a dead job', { deadJobs: Buffer.from([1, 2, 3]) }, (client) => client.deadJobs()],
    ['has more dead jobs than the limit', { deadJobs: Buffer.alloc(38) }, (client) => client.deadJobs(1)],
    ['has a number that is a text', {}, (client) => client.retryDead()],
  ])('%s', async (_what, answers, act) => {
    await fakeQueue(answers)
    const client = await openQueue(address, { codec: 'bytes' })
    closing.push(client)
    await expect(act(client)).rejects.toMatchObject({ code: CODE.corrupt, executed: 'unknown' })
  })
})
