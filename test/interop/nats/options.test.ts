import { describe, expect, it } from 'vitest'
import { jetStream } from '../../../src/engine/nats/index.js'
import { createCell } from '../../../src/messaging/cell/create-cell.js'
import { watch } from '../../../src/messaging/cell/watch.js'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../src/messaging/queue/open-queue.js'
import { work } from '../../../src/messaging/queue/work.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import { subscribe } from '../../../src/messaging/topic/subscribe.js'
import { NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'

/** All options of all functions. */
const NAMES = (
  'name codec engine channel signal timeoutMs waitForServer policy identify ' +
  'ringBytes overflow blockTimeoutMs from keys maxValueBytes concurrency replyQueues ' +
  'store maxJobs maxBytes dedupWindowMs maxIds deadLetters maxDead ' +
  'attempts backOff timeLimitMs delayMs id key headers'
).split(' ')

describe.skipIf(NATS_VERSION === undefined)(`the options of an engine${NATS_REASON}`, () => {
  it('knows exactly the options of the function without an engine, and refuses others with the same error', async () => {
    const engine = openEngine(await NatsServer.start())
    const run = (): void => {}
    const pairs: Record<
      string,
      [(options: object) => Promise<unknown>, (options: object) => Promise<unknown>]
    > = {
      createTopic: [(options) => createTopic('x', options), (options) => engine.createTopic('x', options)],
      subscribe: [(options) => subscribe('x', options), (options) => engine.subscribe('x', options)],
      createCell: [(options) => createCell('x', 1, options), (options) => engine.createCell('x', 1, options)],
      watch: [(options) => watch('x', options), (options) => engine.watch('x', options)],
      createQueue: [(options) => createQueue('x', options), (options) => engine.createQueue('x', options)],
      openQueue: [(options) => openQueue('x', options), (options) => engine.openQueue('x', options)],
      work: [(options) => work('x', run, options), (options) => engine.work('x', run, options)],
    }
    let known = 0
    for (const [title, [local, own]] of Object.entries(pairs))
      for (const name of NAMES) {
        // The first unknown name is refused, so a known one leads to the error about `unknown`.
        const options = { [name]: undefined, unknown: 1 }
        const { message, code } = await refusal(local(options))
        expect({ title, name, ...(await refusal(own(options))) }).toEqual({ title, name, message, code })
        expect(code).toBe('ERR_SHMWIRE_INVALID_ARGUMENT')
        if (message.includes('unknown option "unknown"')) known += 1
      }
    expect(known).toBeGreaterThan(40)
  })

  it('refuses waitForServer when it creates a queue', async () => {
    const engine = openEngine(await NatsServer.start())
    await expect(engine.createQueue('x', { waitForServer: true } as object)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      message: expect.stringContaining('waitForServer'),
    })
  })

  it('waits for the server with waitForServer, and rejects without it', async () => {
    const server = await NatsServer.start()
    const first = openEngine(server)
    await first.createQueue('jobs', {})
    await first.close()
    await server.stop()
    const engine = openEngine(server)
    await expect(engine.openQueue('jobs', {})).rejects.toMatchObject({ code: 'ERR_SHMWIRE_NOT_LISTENING' })
    await expect(engine.openQueue('jobs', { waitForServer: true, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_TIMEOUT',
    })
    const seen: unknown[] = []
    const opening = engine.openQueue('jobs', { waitForServer: true })
    let received!: () => void
    const ran = new Promise<void>((resolve) => {
      received = resolve
    })
    const working = engine.work(
      'jobs',
      (job) => {
        seen.push(job)
        received()
      },
      { waitForServer: true },
    )
    await server.start()
    await working
    await (await opening).push('x')
    await ran
    expect(seen).toEqual(['x'])
  })

  it('rejects the calls that wait for a server when the engine closes', async () => {
    const server = await NatsServer.start()
    await server.stop()
    const engine = openEngine(server)
    const opening = engine.openQueue('jobs', { waitForServer: true })
    opening.catch(() => {})
    await engine.close()
    await expect(opening).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
  })

  it('does not wait for a server without JetStream', async () => {
    const { url } = await NatsServer.start({ jetstream: false })
    const engine = jetStream({ servers: url })
    await expect(engine.openQueue('jobs', { waitForServer: true })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_UNAVAILABLE',
    })
    await engine.close()
  })
})

async function refusal(call: Promise<unknown>): Promise<{ message: string; code: string }> {
  try {
    await call
  } catch (error) {
    const { message, code } = error as { message: string; code: string }
    return { message, code }
  }
  throw new Error('the call was accepted')
}
