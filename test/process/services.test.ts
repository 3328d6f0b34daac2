import { beforeEach, describe, expect, it } from 'vitest'
import {
  type Channel,
  client,
  connect,
  ErrorCode,
  listen,
  type RunningService,
  serve,
} from '../../src/index.js'
import type { ClientMembers, ClientOptions } from '../../src/service/client.js'
import { Child } from '../support/child.js'
import {
  all,
  failure,
  first,
  numbers,
  type TestClient,
  testClient,
  testContract,
} from '../support/services.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually, turns } from '../support/turns.js'

const NAME = 'users'
type Names = 'pid' | 'echo' | 'slow' | 'hang' | 'count' | 'collect'

beforeEach(() => void ownRuntimeDirectory())

async function startService(transport = 'auto'): Promise<Child> {
  const child = new Child('service', { args: [NAME, transport], ipc: true })
  expect(await child.next()).toBe('serving')
  return child
}

/** The messages of the child until all of `expected` have arrived. */
async function received(child: Child, ...expected: string[]): Promise<void> {
  const missing = new Set(expected)
  while (missing.size > 0) missing.delete(await child.next<string>())
}

function open(options: ClientOptions = {}): Promise<TestClient<Names>> {
  return testClient<Names>(NAME, { channel: { backOff: { minMs: 1, maxMs: 20 } }, ...options })
}

const GONE = { code: ErrorCode.PEER_GONE, status: 'UNAVAILABLE', executed: 'unknown' }

describe('a client of a name', () => {
  it('outlives servers that are killed and restarted', async () => {
    let server = await startService()
    const calls = await open()
    const pids = new Set<unknown>()
    for (let round = 0; round < 3; round += 1) {
      pids.add(await calls.pid())
      const hanging = failure(calls.hang())
      const stream = calls.count()
      await received(server, 'hanging')
      expect(await first(calls.count(), 100)).toHaveLength(100)
      await server.kill()
      expect(await hanging).toMatchObject(GONE)
      expect(await failure(all(stream))).toMatchObject(GONE)
      expect(await failure(calls.echo(1))).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
      server = await startService()
      await eventually(() => calls.$channel !== undefined)
    }
    expect(pids.size).toBe(3)
    await calls.$close()
  })

  it('that waits during a restart makes its calls when the next server is there', async () => {
    const server = await startService()
    const calls = await open({ whenUnavailable: 'wait' })
    const firstPid = await calls.pid()
    await server.kill()
    await eventually(() => calls.$channel === undefined)
    const replies = Promise.all([calls.pid(), calls.echo('waited'), first(calls.count(), 3)])
    await startService()
    const [pid, echo, counted] = await replies
    expect(pid).not.toBe(firstPid)
    expect([echo, counted]).toEqual(['waited', [0, 1, 2]])
    await calls.$close()
  })

  it('waits for a server that is not up yet', async () => {
    expect(await failure(open())).toMatchObject({ code: ErrorCode.NOT_LISTENING })
    const waiting = open({ waitForServer: true })
    await turns(20)
    await startService()
    const calls = await waiting
    expect(await calls.echo(1)).toBe(1)
    await calls.$close()
  })

  it('gets the answers to its open calls when the server closes in order', async () => {
    const server = await startService()
    const calls = await open()
    const replies = Promise.all(Array.from({ length: 20 }, (_, index) => calls.slow(index)))
    for (let count = 0; count < 20; count += 1) await received(server, 'slow')
    server.send({})
    expect(await replies).toEqual(Array.from({ length: 20 }, (_, index) => index))
    await received(server, 'closed')
    await calls.$close()
  })

  it('rejects with the error of the handshake', async () => {
    const server = await listen(NAME, { codec: 'json' })
    expect(await failure(open({ channel: { codec: 'v8' } }))).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
    await server.close()
    expect(await failure(client('no/such name'))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    expect(await failure(client(NAME, { channel: { wat: 5 } as never }))).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })
})

describe('a service whose caller is killed', () => {
  it.each(['auto', 'socket'])('ends all its calls (%s)', async (transport) => {
    const server = await startService(transport)
    const callers = ['hang', 'count', 'collect'].map(
      (method) => new Child('service-caller', { args: [NAME, method] }),
    )
    await received(server, 'hanging', 'collecting')
    const calls = await open()
    await eventuallyRunning(calls, 3)
    for (const caller of callers) await caller.kill()
    await received(server, 'aborted', 'finally', 'input ended')
    await eventuallyRunning(calls, 0)
    await calls.$close()
  })

  async function eventuallyRunning(calls: ClientMembers, count: number): Promise<void> {
    for (;;) {
      const running = Object.values(await calls.$stats()).reduce((sum, method) => sum + method.running, 0)
      if (running === count) return
      await turns(5)
    }
  }
})

describe('Service.close', () => {
  it('cancels the open calls after its time, with executed unknown', async () => {
    const signals: unknown[] = []
    const service = await serve(NAME, {
      hang: (_request: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise(() => signal.addEventListener('abort', () => signals.push(signal.reason))),
      async *count() {
        yield* numbers(1_000_000)
      },
    })
    const calls = await open()
    const hanging = failure(calls.hang())
    const stream = calls.count()[Symbol.asyncIterator]()
    await stream.next()
    await eventually(() => service.stats()['hang']?.running === 1)
    const closing = service.close({ timeoutMs: 50 })
    await turns(5)
    const cancelled = { code: ErrorCode.CLOSED, status: 'UNAVAILABLE', executed: 'unknown' }
    expect(await hanging).toMatchObject(cancelled)
    expect(await failure(all(stream))).toMatchObject(cancelled)
    await closing
    expect(signals).toMatchObject([{ code: ErrorCode.CLOSED }])
    await calls.$close()
  })

  it('refuses calls while open ones complete, and frees the name', async () => {
    let release = (_value: unknown): void => {}
    const service = await serve(NAME, {
      slow: () =>
        new Promise((resolve) => {
          release = resolve
        }),
    })
    const calls = await open({ retries: 0 })
    const reply = calls.slow()
    await eventually(() => service.stats()['slow']?.running === 1)
    const closing = service.close()
    expect(await failure(calls.slow())).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
    const next = await serve(NAME, { echo: () => 'next' })
    release('answered')
    expect(await reply).toBe('answered')
    await closing
    await eventually(() => calls.$channel !== undefined)
    expect(await calls.echo()).toBe('next')
    await Promise.all([calls.$close(), next.close()])
  })

  it('works in a handler, with the longest time, and twice', async () => {
    const service: RunningService = await serve(NAME, {
      async stop() {
        await service.close({ timeoutMs: 2 ** 31 - 1 })
        return 'stopped'
      },
    })
    const calls = await testClient<'stop'>(NAME)
    expect(await calls.stop()).toBe('stopped')
    await service.close()
    await calls.$close()
  })

  it('rejects with ABORTED when its signal fires, and its channels end', async () => {
    const service = await serve(NAME, { hang: () => new Promise(() => {}) })
    const calls = await open()
    const hanging = failure(calls.hang())
    await eventually(() => service.stats()['hang']?.running === 1)
    const controller = new AbortController()
    const closing = failure(service.close({ signal: controller.signal }))
    controller.abort()
    expect(await closing).toMatchObject({ code: ErrorCode.ABORTED })
    expect(await hanging).toMatchObject(GONE)
    await calls.$close()
  })
})

describe('a server', () => {
  it('has several services, beside channels of its own', async () => {
    const server = await listen(NAME)
    const channels: Channel[] = []
    server.on('channel', (channel) => {
      channels.push(channel)
      channel.handle((value) => value)
    })
    const one = await serve(server, { whoami: () => 'one' }, { name: 'one' })
    await serve(server, { whoami: () => 'two' }, { contract: testContract({ whoami: 'unary' }, 'two') })
    expect(await failure(serve(server, { whoami: () => '' }, { name: 'two' }))).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
    const channel = await connect(NAME)
    const clients = await Promise.all(['one', 'two'].map((name) => testClient<'whoami'>(channel, { name })))
    expect(await Promise.all(clients.map((calls) => calls.whoami()))).toEqual(['one', 'two'])
    expect(await channel.request('beside')).toBe('beside')
    // A service of one channel, in addition to those of its server.
    await serve(channels[0] as Channel, { whoami: () => 'own' }, { name: 'own' })
    const own = await testClient<'whoami'>(channel, { name: 'own' })
    expect(await own.whoami()).toBe('own')
    await one.close()
    expect(await failure((clients[0] as TestClient<'whoami'>).whoami())).toMatchObject({
      code: ErrorCode.NO_HANDLER,
    })
    await channel.close()
    await server.close()
  })

  it('that already has channels serves them, too', async () => {
    const server = await listen(NAME)
    server.on('channel', () => {})
    const calls = await open()
    expect(await failure(calls.echo(1))).toMatchObject({ code: ErrorCode.NO_HANDLER, executed: 'no' })
    await serve(server, { echo: (value: unknown) => value })
    expect(await calls.echo(1)).toBe(1)
    await calls.$close()
    await server.close()
  })

  it('refuses the requests of a channel that only a service takes, and answers its calls', async () => {
    const service = await serve(NAME, { echo: (value: unknown) => value })
    const channel = await connect(NAME)
    expect(await failure(channel.request(1))).toMatchObject({ code: ErrorCode.NO_HANDLER })
    const calls = await testClient<'echo'>(channel)
    expect(await calls.echo(1)).toBe(1)
    await channel.close()
    await service.close()
  })

  it('serves many clients at once', async () => {
    const service = await serve(NAME, { echo: (value: unknown) => value, count: numbers })
    const clients = await Promise.all(Array.from({ length: 20 }, () => open()))
    const results = await Promise.all(
      clients.map(async (calls, index) => {
        const replies = await Promise.all(
          Array.from({ length: 100 }, (_, at) => calls.echo(index * 100 + at)),
        )
        const counted = await all(calls.count(50))
        return replies.every((reply, at) => reply === index * 100 + at) && counted.length === 50
      }),
    )
    expect(results.every((isRight) => isRight)).toBe(true)
    expect(service.stats()).toMatchObject({
      echo: { calls: 2_000, errors: 0 },
      count: { calls: 20, running: 0 },
    })
    await service.close()
    await Promise.all(clients.map((calls) => calls.$close()))
  })
})
