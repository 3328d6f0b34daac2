import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { sleep } from '../../../src/host.js'
import type { QueueClient } from '../../../src/messaging/queue/types.js'
import { Child } from '../../support/child.js'
import { connectNats, NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { waitFor } from '../../support/wait-for.js'

const WAIT = { timeout: 50_000 }

/** Pushes until it is stopped, and remembers the jobs that the servers have acknowledged. */
function pushing(queue: QueueClient, waitMs: number) {
  const acknowledged: number[] = []
  const failures: unknown[] = []
  const stopping = new AbortController()
  const run = (async () => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      await queue.push(n).then(
        () => acknowledged.push(n),
        (error: unknown) => failures.push(error),
      )
      await sleep(waitMs)
    }
  })()
  const stop = async (): Promise<void> => {
    stopping.abort()
    await run
  }
  return { acknowledged, failures, stop }
}

describe.skipIf(NATS_VERSION === undefined)(`JetStream and failures${NATS_REASON}`, () => {
  it('runs the jobs of a killed worker elsewhere, and buries a job that kills its workers', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server)
    const queue = await engine.createQueue<string, unknown>('jobs', { attempts: 2 })
    await queue.push('poison')
    for (const attempt of [1, 2]) {
      const child = new Child('nats-worker', { ipc: true, args: [server.port, 'jobs'] })
      const messages = [await child.next(), await child.next()]
      expect(messages).toEqual(expect.arrayContaining(['ready', { job: 'poison', attempt }]))
      await child.kill()
    }
    const seen: unknown[] = []
    await engine.work<string, unknown>('jobs', (job, { attempt }) => void seen.push([job, attempt]), {})
    await waitFor(async () => expect(await queue.deadJobs()).toHaveLength(1))
    expect(await queue.deadJobs()).toMatchObject([
      { job: 'poison', attempts: 2, reason: expect.stringContaining('has died or lost its lease') },
    ])
    await queue.push('next')
    await waitFor(() => expect(seen).toEqual([['next', 1]]))
  })

  it('loses no job while the server restarts', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server)
    const queue = await engine.createQueue<number, unknown>('jobs', {})
    const seen = new Set<number>()
    await engine.work<number, unknown>('jobs', (job) => void seen.add(job), { concurrency: 5 })
    const { acknowledged, failures, stop } = pushing(queue, 2)
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await sleep(300)
      await server.stop(signal)
      await sleep(200)
      await server.start()
    }
    await sleep(500)
    await stop()
    expect(failures).toEqual([])
    await waitFor(() => expect(acknowledged.filter((n) => !seen.has(n))).toEqual([]), WAIT)
    expect(acknowledged.length).toBeGreaterThan(10)
    // A server that is killed can count a job that is done as waiting (docs/nats.md).
    await waitFor(async () => expect(await queue.stats()).toMatchObject({ leased: 0, dead: 0 }), WAIT)
  })

  it('continues a topic and a cell over a restart of the server, without a hole', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server)
    const topic = await engine.createTopic<number>('numbers', {})
    const subscription = await engine.subscribe<number>('numbers', {})
    const cell = await engine.createCell<number>('value', 0, {})
    const watch = await engine.watch<number>('value', {})
    const received: number[] = []
    subscription.on('message', (message) => received.push(message))
    const total = 400
    const publish = (async () => {
      const calls: Promise<void>[] = []
      for (let n = 0; n < total; n += 1) {
        calls.push(topic.publish(n))
        await sleep(3)
      }
      await Promise.all(calls)
    })()
    await sleep(300)
    await server.stop('SIGKILL')
    await sleep(200)
    await server.start()
    await publish
    await waitFor(() => expect(received).toEqual(Array.from({ length: total }, (_, n) => n)), WAIT)
    expect(subscription.stats()).toEqual({ received: total, lost: 0, filtered: 0 })
    await cell.set(1)
    await waitFor(() => expect(watch.get()).toBe(1))
    expect(watch.stale).toBe(false)
  })

  it('makes the consumer again that was deleted behind its back', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server)
    const queue = await engine.createQueue<number, unknown>('jobs', {})
    const seen: number[] = []
    await engine.work<number, unknown>('jobs', (job) => void seen.push(job), {})
    await queue.push(1)
    await waitFor(() => expect(seen).toEqual([1]))
    const { manager } = await connectNats(server)
    await manager.consumers.delete('shmwire-queue-jobs', 'workers')
    await queue.push(2)
    await waitFor(() => expect(seen).toEqual([1, 2]))
  })

  it('notices a server that is silent, and continues when it speaks again', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server)
    const queue = await engine.createQueue<number, unknown>('jobs', {})
    const seen: number[] = []
    await engine.work<number, unknown>('jobs', (job) => void seen.push(job), {})
    await queue.push(1)
    await waitFor(() => expect(seen).toEqual([1]))
    server.signal('SIGSTOP')
    // The signal takes effect later on a busy machine.
    await sleep(500)
    await expect(queue.push(2, { timeoutMs: 2_500 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
      executed: 'unknown',
    })
    server.signal('SIGCONT')
    await queue.push(3)
    await waitFor(() => expect(seen).toContain(3), WAIT)
  })

  it('runs jobs with the longest heartbeat', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server, { heartbeatMs: 30_000 })
    const queue = await engine.createQueue<string, string>('jobs', {})
    await engine.work<string, string>('jobs', (job) => `done ${job}`, {})
    expect(await queue.request('x')).toBe('done x')
  })

  it('resolves a request whose push was sent again after a lost answer', async () => {
    const server = await NatsServer.start()
    // The longest one: the connection stays while the server is silent.
    const engine = openEngine(server, { answerMs: 300, heartbeatMs: 30_000 })
    const queue = await engine.createQueue<string, string>('jobs', {})
    await engine.work<string, string>('jobs', (job) => `done ${job}`, {})
    expect(await queue.request('first')).toBe('done first')
    server.signal('SIGSTOP')
    // The signal takes effect later on a busy machine.
    await sleep(500)
    const result = queue.request('second', { id: 'second' })
    await sleep(1_500)
    server.signal('SIGCONT')
    expect(await result).toBe('done second')
    await expect(queue.request('third', { id: 'second' })).rejects.toMatchObject({
      code: ErrorCode.INVALID_STATE,
      executed: 'no',
    })
  })

  it('does not claim that a push was not executed after a lost answer, also when the queue is full', async () => {
    const server = await NatsServer.start()
    const engine = openEngine(server, { answerMs: 300, heartbeatMs: 30_000 })
    const queue = await engine.createQueue<string, unknown>('jobs', { maxJobs: 1 })
    await queue.push('first')
    const late = { code: ErrorCode.TIMEOUT }
    await expect(queue.push('second', { timeoutMs: 2_000 })).rejects.toMatchObject({
      ...late,
      executed: 'no',
    })
    server.signal('SIGSTOP')
    await sleep(500)
    const third = queue.push('third', { timeoutMs: 4_000 })
    third.catch(() => {})
    await sleep(1_000)
    server.signal('SIGCONT')
    await expect(third).rejects.toMatchObject({ ...late, executed: 'unknown' })
  })

  it('ends workers and subscriptions with an error when the login is withdrawn', async () => {
    const server = await NatsServer.start({ config: 'authorization { token: "first" }' })
    let token = 'first'
    const engine = openEngine(server, { token: () => token })
    await engine.createQueue('jobs', {})
    const worker = await engine.work('jobs', () => {}, {})
    const closed = new Promise((resolve) => worker.once('close', resolve))
    token = 'second'
    await server.stop()
    await server.start()
    expect(await closed).toMatchObject({ code: ErrorCode.DENIED })
  })

  it('processes every acknowledged job while a server of a cluster is killed', {
    timeout: 120_000,
  }, async () => {
    const servers = await NatsServer.startCluster(3)
    const engine = openEngine(servers, { replicas: 3, answerMs: 2_000 })
    const queue = await engine.createQueue<number, unknown>('jobs', {})
    const seen = new Set<number>()
    const workers = openEngine(servers, { replicas: 3, answerMs: 2_000 })
    await workers.work<number, unknown>('jobs', (job) => void seen.add(job), { concurrency: 10 })
    const { acknowledged, failures, stop } = pushing(queue, 5)
    await waitFor(() => expect(seen.size).toBeGreaterThan(20), WAIT)
    // One of them is the leader of the stream.
    for (const server of servers) {
      await server.stop('SIGKILL')
      await sleep(1_500)
      await server.start()
      const { length } = acknowledged
      await waitFor(() => expect(acknowledged.length).toBeGreaterThan(length + 10), WAIT)
    }
    await stop()
    expect(failures).toEqual([])
    await waitFor(() => expect(acknowledged.filter((n) => !seen.has(n))).toEqual([]), WAIT)
  })
})
