import { once } from 'node:events'
import { createConnection } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../../../src/connect.js'
import { ErrorCode } from '../../../src/errors.js'
import { keepConnected } from '../../../src/keep-connected.js'
import { listen } from '../../../src/listen.js'
import { log } from '../../../src/log/log.js'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../src/messaging/queue/open-queue.js'
import { work } from '../../../src/messaging/queue/work.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import { openTopic } from '../../../src/messaging/topic/open-topic.js'
import { withCorrelation } from '../../../src/observe/correlation.js'
import { type ErrorReport, onError } from '../../../src/observe/on-error.js'
import type { CallContext } from '../../../src/service/call/call-context.js'
import { client } from '../../../src/service/client.js'
import { serve } from '../../../src/service/serve.js'
import { ServiceError } from '../../../src/service-error.js'
import { STATUSES } from '../../../src/status.js'
import { createChannelPair } from '../../../src/testing/index.js'
import { localAddress, socketPath } from '../../support/local-address.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { eventually } from '../../support/turns.js'

const reports: ErrorReport[] = []
let stop: () => void

beforeEach(() => {
  stop = onError((report) => reports.push(report))
})

afterEach(() => {
  stop()
  reports.length = 0
})

const caught = (promise: unknown): Promise<unknown> =>
  (promise as Promise<unknown>).then(
    () => undefined,
    (error: unknown) => error,
  )
const operations = (): string[] => reports.map(({ operation }) => operation)
const address = (): string => localAddress(temporaryDirectory())

async function served(handlers: object) {
  const [end, other] = createChannelPair()
  onTestFinished(() => end.close())
  await serve(other, handlers, { name: 'users' })
  return client(end, { name: 'users' })
}

describe('onError', () => {
  it('reports a failed call to both sides, with its context', async () => {
    const broken = new TypeError('broken')
    const users = await served({
      get() {
        throw broken
      },
    })
    const error = await caught(
      users['get']?.(1, { metadata: { 'x-correlation-id': 'c', authorization: 'secret' } }),
    )
    const context = { expected: false, correlationId: 'c', fields: { service: 'users', method: 'get' } }
    expect(reports).toEqual([
      { ...context, operation: 'service.call', error: broken },
      { ...context, operation: 'client.call', error },
    ])
  })

  it('reports a stream that fails', async () => {
    const users = await served({
      async *lines() {
        yield 1
        throw new Error('broken')
      },
    })
    const read = async (): Promise<void> => {
      const lines = users['lines']?.() as AsyncIterable<unknown>
      for await (const _line of lines);
    }
    await caught(read())
    expect(operations()).toEqual(expect.arrayContaining(['service.call']))
    expect(reports.every(({ fields }) => fields['method'] === 'lines')).toBe(true)
    expect(new Set(reports.map(({ error }) => error)).size).toBe(reports.length)
  })

  it('reports an error once although a handler passes it on, also as a cause', async () => {
    const failing = await served({
      get() {
        throw new Error('broken')
      },
    })
    const outer = await served({
      rethrows: () => failing['get']?.(),
      wraps: async () => {
        throw new Error('wrapped', { cause: await caught(failing['get']?.()) })
      },
    })
    for (const method of ['rethrows', 'wraps']) {
      reports.length = 0
      await caught(outer[method]?.())
      // The inner call of both sides, and the outer call of its caller, which has an error of its own.
      expect(reports.map(({ operation, fields }) => `${operation} ${fields['method']}`)).toEqual([
        'service.call get',
        'client.call get',
        `client.call ${method}`,
      ])
    }
  })

  it('reports an error in each call that fails with it', async () => {
    const kept = new Error('kept')
    const users = await served({ get: () => Promise.reject(kept) })
    for (let count = 0; count < 2; count += 1) await caught(users['get']?.())
    expect(operations()).toEqual(['service.call', 'client.call', 'service.call', 'client.call'])
    reports.length = 0
    const [end, other] = createChannelPair()
    await serve(other, { wait: () => new Promise(() => {}) })
    const pending = await client(end)
    const calls = ['a', 'b'].map((id) => pending['wait']?.(1, { metadata: { 'x-correlation-id': id } }))
    const errors = Promise.all(calls.map(caught))
    end.destroy(new Error('over'))
    const [first, second] = await errors
    expect(first).toBe(second)
    const ids = reports.filter(({ operation }) => operation === 'client.call')
    expect(ids.map(({ correlationId }) => correlationId)).toEqual(['a', 'b'])
  })

  it('reports a fault that follows from an expected error', async () => {
    const inner = await served({
      get() {
        throw new ServiceError('NOT_FOUND', 'there is none')
      },
    })
    const outer = await served({
      fault: async () => {
        throw new Error('it must be there', { cause: await caught(inner['get']?.()) })
      },
    })
    await caught(outer['fault']?.())
    expect(reports.map(({ operation, expected }) => [operation, expected])).toEqual([
      ['service.call', true],
      ['client.call', true],
      ['service.call', false],
      ['client.call', false],
    ])
  })

  it.each(STATUSES)('says whether a handler that answers %s is expected to', async (status) => {
    const users = await served({
      get() {
        throw new ServiceError(status, 'an outcome')
      },
    })
    await caught(users['get']?.())
    const faults = ['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS']
    expect(reports.map(({ expected }) => expected)).toEqual([
      !faults.includes(status),
      !faults.includes(status),
    ])
  })

  it('expects the end of a call that its caller cancels', async () => {
    const users = await served({
      wait: (_request: unknown, { signal }: CallContext) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    })
    const abort = new AbortController()
    const call = caught(users['wait']?.(1, { signal: abort.signal }))
    await eventually(() => true)
    abort.abort()
    await call
    await eventually(() => reports.length === 2)
    expect(reports.map(({ expected }) => expected)).toEqual([true, true])
  })

  it.each([undefined, 'mail'])(
    'reports each message and each job that cannot be sent, with the name %s',
    async (name) => {
      const [topicAddress, queueAddress] = [address(), address()]
      const hosts = [await createTopic(topicAddress, { name }), await createQueue(queueAddress, { name })]
      const topic = await openTopic(topicAddress, { name })
      const queue = await openQueue(queueAddress, { name })
      for (const host of hosts) await host.close()
      const headers = (id: string) => ({ headers: { 'x-correlation-id': id } })
      const sent = [
        topic.publish(1, headers('a')),
        queue.push(1, headers('b')),
        queue.request(1, headers('c')),
      ]
      // It travels with the one before.
      await Promise.all([...sent, queue.push(1, headers('d'))].map(caught))
      for (const one of [topic, queue]) await one.close()
      const rows = reports.map(({ operation, correlationId }) => `${operation} ${correlationId}`)
      expect(
        rows.filter((row) => !row.startsWith('connect') && !row.startsWith('channel')).toSorted(),
      ).toEqual(['queue.push b', 'queue.push c', 'queue.push d', 'topic.publish a'])
    },
  )

  it('expects the end of requests that wait while their queue closes', async () => {
    const queueAddress = address()
    const queue = await createQueue(queueAddress)
    const remote = await openQueue(queueAddress)
    const waiting = caught(remote.request(1))
    while ((await queue.stats()).waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await queue.close()
    await waiting
    await remote.close()
    const rows = reports.map(({ operation, expected }) => `${operation} ${expected}`)
    expect(rows).toEqual(['service.call true', 'queue.push true'])
  })

  it('reports a job, with its id and its attempt', async () => {
    const place = address()
    const queue = await createQueue(place)
    const worker = await work(place, () => {
      throw new Error('broken')
    })
    onTestFinished(async () => {
      await worker.close()
      await queue.close()
    })
    const { id } = await queue.push({}, { attempts: 1, headers: { 'x-correlation-id': 'j' } })
    await eventually(() => reports.length > 0)
    expect(reports).toMatchObject([
      {
        operation: 'queue.take',
        expected: false,
        correlationId: 'j',
        fields: { address: place, queue: '', jobId: id, attempt: 1, attempts: 1 },
      },
    ])
  })

  it('reports a connection that fails to both sides, and expects those that a server refuses', async () => {
    const place = address()
    await caught(connect(place))
    expect(reports).toMatchObject([
      { operation: 'connect', expected: false, fields: { address: place, attempt: 1 } },
    ])
    reports.length = 0
    const server = await listen(place, { codec: 'json' })
    await caught(connect(place))
    await eventually(() => reports.length === 2)
    await server.close()
    expect(reports.map(({ operation, expected }) => `${operation} ${expected}`).toSorted()).toEqual([
      'accept true',
      'connect false',
    ])
  })

  it('does not report a client that only checks whether the server listens', async () => {
    const directory = temporaryDirectory()
    const server = await listen(localAddress(directory))
    server.on('channel', () => {})
    const socket = createConnection(socketPath(directory))
    await once(socket, 'connect')
    socket.destroy()
    // The second client is accepted after the first one has gone.
    const channel = await connect(server.address)
    await channel.close()
    await server.close()
    expect(reports).toEqual([])
  })

  it('reports the first failed attempt of a connector, and the error that ends it', async () => {
    const place = address()
    const connector = keepConnected(place, { backOff: { minMs: 1, maxMs: 5 } })
    let retries = 0
    connector.on('retry', () => (retries += 1))
    await eventually(() => retries > 3)
    expect(operations()).toEqual(['connect'])
    const closed = new Promise((resolve) => connector.once('close', resolve))
    const server = await listen(place, { codec: 'json' })
    await closed
    await server.close()
    expect(reports.filter(({ operation }) => operation === 'connect')).toMatchObject([
      { error: { code: ErrorCode.NOT_LISTENING } },
      { error: { code: ErrorCode.INVALID_ARGUMENT } },
    ])
  })

  it('reports an error of work in the background, with the fields of its line', () => {
    const error = new Error('the issuer is away')
    log(undefined, 'auth.keysNotFetched', () => ({ error, correlationId: 'b', limit: 5 }))
    expect(reports).toEqual([
      {
        operation: 'background.error',
        error,
        expected: false,
        correlationId: 'b',
        fields: { event: 'auth.keysNotFetched', error: 'the issuer is away', limit: 5 },
      },
    ])
  })

  it('states no correlation id of an operation in whose context other work runs', async () => {
    await withCorrelation('other', async () => {
      log(undefined, 'auth.keysNotFetched', () => ({ error: new Error('away'), correlationId: null }))
      const [end, other] = createChannelPair()
      other.on('error', () => {})
      end.destroy()
      await eventually(() => reports.length === 2)
    })
    expect(reports.map(({ operation, correlationId }) => [operation, correlationId])).toEqual([
      ['background.error', undefined],
      ['channel.peerGone', undefined],
    ])
  })

  it('reports nothing after its end, and refuses a listener that is not a function', async () => {
    stop()
    await caught(connect(address()))
    expect(reports).toEqual([])
    expect(() => onError(5 as never)).toThrow('listener is 5; it must be a function')
  })
})
