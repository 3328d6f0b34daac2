import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { sleep } from '../../../src/host.js'
import type { JobContext, JobHandler, WorkOptions } from '../../../src/messaging/queue/types.js'
import { connectNats, NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { waitFor } from '../../support/wait-for.js'

const WAIT = { timeout: 20_000 }

describe.skipIf(NATS_VERSION === undefined)(`a queue over JetStream${NATS_REASON}`, () => {
  let server: NatsServer
  let count = 0
  beforeAll(async () => {
    server = await NatsServer.start()
  })

  /** A new queue, and an engine of its own. */
  async function open(options: Parameters<ReturnType<typeof openEngine>['createQueue']>[1] = {}) {
    const engine = openEngine(server)
    count += 1
    const name = `queue.${count}`
    const queue = await engine.createQueue<unknown, unknown>(name, options)
    // biome-ignore lint/suspicious/noExplicitAny: the jobs of the tests have different types
    const work = (handler: JobHandler<any, unknown>, more: WorkOptions = {}) =>
      engine.work(name, handler, more)
    return { engine, name, queue, work }
  }

  it('runs each pushed job once, with its key and headers', async () => {
    const { queue, work } = await open()
    const seen: [unknown, JobContext][] = []
    await work((job, context) => void seen.push([job, context]), { concurrency: 8 })
    const headers = {
      traceparent: '00-ab',
      'Nats-Rollup': 'all',
      spaced: '  x ',
      accent: 'é',
      'shmwire-id': 'x',
    }
    const { id } = await queue.push({ n: 1 }, { key: 'user.new', headers })
    for (let n = 2; n <= 30; n += 1) await queue.push({ n })
    await waitFor(() => expect(seen).toHaveLength(30))
    const [job, context] = seen[0] as [unknown, JobContext]
    expect(job).toEqual({ n: 1 })
    expect(context).toMatchObject({ id, attempt: 1, attempts: 5, key: 'user.new', headers })
    await waitFor(async () =>
      expect(await queue.stats()).toMatchObject({
        waiting: 0,
        leased: 0,
        pushed: 30,
        completed: 30,
        dead: 0,
      }),
    )
  })

  it('resolves requests to results, and rejects them with the error of the last attempt', async () => {
    const { name, queue, work } = await open({ attempts: 2, backOff: { minMs: 1, maxMs: 5 } })
    let attempts = 0
    await work(({ n }) => {
      if (n !== undefined) return { twice: 2 * n }
      attempts += 1
      if (attempts <= 2) throw Object.assign(new TypeError('no number'), { code: 'NO_NUMBER' })
      return undefined
    })
    const other = openEngine(server)
    const client = await other.openQueue(name, {})
    expect(await client.request({ n: 21 })).toEqual({ twice: 42 })
    await expect(client.request({})).rejects.toMatchObject({
      code: ErrorCode.REMOTE,
      remoteCode: 'NO_NUMBER',
      message: expect.stringContaining('TypeError: no number'),
    })
    expect(attempts).toBe(2)
    expect(await queue.request({})).toBeUndefined()
  })

  it('drops a job with an id of the dedup window', async () => {
    const { queue, work } = await open()
    const seen: unknown[] = []
    expect(await queue.push(1, { id: 'a b/ä' })).toEqual({ id: 'a b/ä', duplicate: false })
    expect(await queue.push(2, { id: 'a b/ä' })).toEqual({ id: 'a b/ä', duplicate: true })
    await expect(queue.request(3, { id: 'a b/ä' })).rejects.toMatchObject({
      code: ErrorCode.INVALID_STATE,
      executed: 'no',
    })
    await work((job, { id }) => void seen.push([job, id]))
    await queue.push(4)
    await waitFor(() =>
      expect(seen).toEqual([
        [1, 'a b/ä'],
        [4, expect.any(String)],
      ]),
    )
  })

  it('runs a delayed job after its delay, and the others before it', async () => {
    const { queue, work } = await open()
    const seen: unknown[] = []
    await work((job, { attempt }) => void seen.push([job, attempt]))
    await queue.push('later', { delayMs: 1_500 })
    await queue.push('now')
    await waitFor(() => expect(seen).toEqual([['now', 1]]))
    expect((await queue.stats()).delayed).toBe(1)
    await waitFor(
      () =>
        expect(seen).toEqual([
          ['now', 1],
          ['later', 1],
        ]),
      WAIT,
    )
    await waitFor(async () => expect((await queue.stats()).delayed).toBe(0))
  })

  it('runs a failed job again, and reports each failure', async () => {
    const { queue, work } = await open({ backOff: { minMs: 1, maxMs: 10 } })
    const attempts: number[] = []
    const failures: string[] = []
    const worker = await work((_job, { attempt }) => {
      attempts.push(attempt)
      if (attempt < 4) throw new Error(`failure ${attempt}`)
    })
    worker.on('failed', ({ message }) => failures.push(message))
    await queue.push('x')
    await waitFor(() => expect(attempts).toEqual([1, 2, 3, 4]))
    expect(failures).toEqual(['failure 1', 'failure 2', 'failure 3'])
  })

  it('keeps dead jobs, and lets them run again', async () => {
    const { queue, work } = await open({ attempts: 2, backOff: { minMs: 1, maxMs: 5 } })
    let isBroken = true
    const seen: unknown[] = []
    await work(
      (job, { attempt }) => {
        if (isBroken) throw new RangeError(`broken ${String(job)}`)
        seen.push([job, attempt])
      },
      { concurrency: 3 },
    )
    for (const n of [1, 2, 3]) await queue.push(n, { id: `job ${n}`, headers: { h: 'v' } })
    await waitFor(async () => expect((await queue.stats()).dead).toBe(3))
    const dead = await queue.deadJobs()
    expect(new Set(dead.map(({ job }) => job))).toEqual(new Set([1, 2, 3]))
    expect(dead.find(({ id }) => id === 'job 2')).toEqual({
      job: 2,
      id: 'job 2',
      attempts: 2,
      reason: 'RangeError: broken 2',
      headers: { h: 'v' },
    })
    expect(await queue.deadJobs(1)).toHaveLength(1)
    isBroken = false
    expect(await queue.retryDead(['job 2'])).toBe(1)
    await waitFor(() => expect(seen).toEqual([[2, 1]]))
    expect(await queue.retryDead()).toBe(2)
    await waitFor(() => expect(seen).toHaveLength(3))
    expect(await queue.deadJobs()).toEqual([])
  })

  it('moves dead jobs to the queue of the option deadLetters', async () => {
    const { engine, name, queue: deadLetters, work } = await open()
    const queue = await engine.createQueue(`${name}-source`, { attempts: 1, deadLetters })
    const fail = (): never => {
      throw new Error('always')
    }
    await engine.work(`${name}-source`, fail, {})
    const seen: unknown[] = []
    await work((job, { attempt }) => void seen.push([job, attempt]))
    await queue.push('poison')
    await waitFor(() => expect(seen).toEqual([['poison', 1]]))
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ waiting: 0, leased: 0, dead: 0 }))
    const other = openEngine(server)
    await expect(other.createQueue(`${name}-other`, { deadLetters })).rejects.toThrow(
      'deadLetters must be a queue of the same engine',
    )
  })

  it('makes pushes wait while the queue is full, in their order', async () => {
    const { queue, work } = await open({ maxJobs: 3 })
    const stored: number[] = []
    const pushes = Array.from({ length: 20 }, (_, n) => queue.push(n).then(() => stored.push(n)))
    await waitFor(() => expect(stored).toHaveLength(3))
    await sleep(300)
    expect(stored).toHaveLength(3)
    await expect(queue.push('late', { timeoutMs: 50 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
      executed: 'no',
    })
    const seen: unknown[] = []
    await work((job) => void seen.push(job))
    await Promise.all(pushes)
    await waitFor(() => expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n)))
  })

  it('ends the lease at the time limit, aborts the signal, and runs the job again', async () => {
    const { queue, work } = await open({ timeLimitMs: 200, attempts: 2, backOff: { minMs: 1, maxMs: 5 } })
    const reasons: unknown[] = []
    const failures: unknown[] = []
    const worker = await work(async (_job, { attempt, signal }) => {
      if (attempt === 2) return
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reasons.push(signal.reason)
    })
    worker.on('failed', (error, job, { attempt }) => failures.push([error, job, attempt]))
    await queue.push('slow')
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ completed: 1, leased: 0 }))
    const lost = expect.objectContaining({ code: ErrorCode.LEASE_LOST })
    expect(reasons).toEqual([lost])
    await waitFor(() => expect(failures).toEqual([[lost, 'slow', 1]]))
  })

  it('begins the time limit again when the handler extends it', async () => {
    const { queue, work } = await open({ timeLimitMs: 600, attempts: 1 })
    const results: unknown[] = []
    await work(async (_job, context) => {
      for (let round = 0; round < 4; round += 1) {
        await sleep(300)
        await context.extend()
      }
      results.push(context.remainingMs > 0, context.signal.aborted)
    })
    await queue.push('long')
    await waitFor(() => expect(results).toEqual([true, false]))
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ completed: 1, dead: 0 }))
  })

  it('holds the lease of a job that takes longer than leaseMs', async () => {
    const { queue, work } = await open()
    let runs = 0
    await work(async () => {
      runs += 1
      await sleep(3_000)
    })
    await queue.push('long')
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ completed: 1, leased: 0 }))
    expect(runs).toBe(1)
  })

  it('refuses to acknowledge after a stall of the event loop, and runs the job again', async () => {
    const { queue, work } = await open()
    const failures: unknown[] = []
    let runs = 0
    const worker = await work(() => {
      runs += 1
      if (runs > 1) return
      const endMs = performance.now() + 1_500
      while (performance.now() < endMs);
    })
    worker.on('failed', (error) => failures.push(error))
    await queue.push('blocks')
    await waitFor(() => expect(runs).toBe(2))
    expect(failures).toEqual([expect.objectContaining({ code: ErrorCode.LEASE_LOST })])
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ completed: 1, leased: 0 }))
  })

  it('finishes the jobs in hand when a worker closes, and takes no others', async () => {
    const { queue, work } = await open()
    const seen: unknown[] = []
    const worker = await work(
      async (job) => {
        await sleep(300)
        seen.push(job)
      },
      { concurrency: 2 },
    )
    for (let n = 0; n < 10; n += 1) await queue.push(n)
    await waitFor(() => expect(worker.running).toBe(2))
    await worker.close()
    const begun = seen.length
    expect(worker.running).toBe(0)
    await sleep(500)
    expect(seen).toHaveLength(begun)
    expect(await queue.stats()).toMatchObject({ leased: 0, waiting: 10 - begun, completed: begun })
  })

  it('returns the jobs in hand when the close of a worker takes too long', async () => {
    const { queue, work } = await open({ attempts: 2 })
    let signal: AbortSignal | undefined
    const worker = await work(async (_job, context) => {
      signal = context.signal
      await sleep(2_000)
    })
    await queue.push('slow')
    await waitFor(() => expect(signal).toBeDefined())
    await expect(worker.close({ timeoutMs: 50 })).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(signal?.aborted).toBe(true)
    const seen: number[] = []
    await work((_job, { attempt }) => void seen.push(attempt))
    await waitFor(() => expect(seen).toEqual([2]))
  })

  it('buries malformed jobs, and results go to inboxes only', async () => {
    const { name, queue, work } = await open()
    const seen: unknown[] = []
    await work((job) => void seen.push(job))
    const { nats, headers } = await connectNats(server)
    const subject = `shmwire.queue.${name.replaceAll('.', '=')}.job`
    const fields = headers()
    fields.set('Shmwire-Reply', '$JS.API.STREAM.DELETE.shmwire-queue-x')
    nats.publish(subject, new Uint8Array([1]), { headers: fields })
    const terms = headers()
    terms.set('Shmwire-Terms', '0 1 2 3')
    nats.publish(subject, new Uint8Array([1]), { headers: terms })
    await waitFor(async () => expect(await queue.deadJobs()).toHaveLength(2))
    expect((await queue.deadJobs()).map(({ reason }) => reason)).toEqual([
      expect.stringContaining('malformed reply subject'),
      expect.stringContaining('malformed terms'),
    ])
    // A job of another program, without the headers of the engine.
    nats.publish(subject, new Uint8Array([7]))
    await waitFor(() => expect(seen).toEqual([7]))
  })

  it('rejects what an engine cannot do', async () => {
    const { engine, name, queue } = await open()
    const create = (options: object) => engine.createQueue(`${name}-x`, options)
    await expect(create({ store: 'a.sqlite' })).rejects.toThrow('store and engine exclude each other')
    await expect(create({ policy: [] })).rejects.toThrow('policy and identify do not apply with an engine')
    await expect(create({ channel: {} })).rejects.toThrow('channel does not apply with an engine')
    await expect(create({ name: 'x' })).rejects.toThrow('name does not apply with an engine')
    await expect(create({ maxJob: 1 })).rejects.toThrow('did you mean "maxJobs"?')
    await expect(engine.createQueue('a b', {})).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    await expect(engine.openQueue('absent', {})).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    await expect(engine.work('absent', () => {}, {})).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    const other = await engine.openQueue(name, { codec: 'json' })
    await expect(other.push(1)).rejects.toThrow('uses the codec "msgpack", and this side "json"')
    await expect(engine.createQueue(name, { codec: 'json' })).rejects.toThrow('uses the codec "msgpack"')
    await expect(queue.push('x'.repeat(2_000_000))).rejects.toMatchObject({
      code: ErrorCode.MESSAGE_TOO_LARGE,
    })
    await expect(queue.push(1, { headers: { 'a b': '' } })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
    await queue.close()
    await expect(queue.push(1)).rejects.toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
    await engine.close()
    await expect(engine.openQueue(name, {})).rejects.toMatchObject({ code: ErrorCode.CLOSED })
  })

  afterAll(() => server?.stop())
})
