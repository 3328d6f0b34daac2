import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { type CallContext, tracked } from '../../../src/service/call/call-context.js'
import type { ClientMembers } from '../../../src/service/client.js'
import type { Contract } from '../../../src/service/contract/contract.js'
import type { Handlers } from '../../../src/service/contract/contract-types.js'
import { serve } from '../../../src/service/serve.js'
import { ServiceError } from '../../../src/service-error.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import {
  all,
  failure,
  first,
  numbers,
  type TestClient,
  testClient,
  testContract,
} from '../../support/services.js'
import { eventually } from '../../support/turns.js'

type Names = 'echo' | 'count' | 'sum' | 'double' | 'fail' | 'hang'

const CONTRACT = testContract({
  echo: 'unary',
  count: 'serverStream',
  sum: 'clientStream',
  double: 'bidi',
  fail: 'unary',
  hang: 'unary',
})
const LOOSE = { name: 'loose' }

const clients: ClientMembers[] = []

afterEach(async () => {
  for (const calls of clients.splice(0)) await calls.$close({ timeoutMs: 1_000 }).catch(() => {})
})

function originals(): { contexts: CallContext[]; ends: string[]; handlers: Record<Names, unknown> } {
  const contexts: CallContext[] = []
  const ends: string[] = []
  const handlers = {
    echo: (message: unknown, context: CallContext) => {
      contexts.push(context)
      context.headers.set('x-head', 'h')
      context.trailers.set('x-trail', 't')
      return message
    },
    async *count(to: number, context: CallContext) {
      contexts.push(context)
      context.headers.set('x-head', 'h')
      try {
        const begin = Number(context.lastEventId ?? -1) + 1
        for (let number = begin; number < to; number += 1) yield tracked(`${number}`, number)
      } finally {
        ends.push('count')
      }
    },
    async sum(messages: AsyncIterable<number>) {
      let total = 0
      for await (const message of messages) total += message
      return total
    },
    async *double(messages: AsyncIterable<number>) {
      for await (const message of messages) yield message * 2
    },
    fail: (message: unknown) => {
      if (message === 'type') throw new TypeError('a mistake')
      throw new ServiceError('NOT_FOUND', 'gone', { reason: 'GONE', details: { id: 7 } })
    },
    hang: (_message: unknown, context: CallContext) => {
      contexts.push(context)
      context.signal.addEventListener('abort', () => ends.push('hang'))
      return new Promise(() => {})
    },
  }
  return { contexts, ends, handlers }
}

/** A client of a service whose handlers are a client of the original service. */
async function passed(
  handlers: object,
  settings: { contract: Contract } | { name: string },
  override: (client: TestClient<Names>) => object = (client) => client,
): Promise<TestClient<Names>> {
  const [inner, original] = createChannelPair()
  const [outer, passing] = createChannelPair()
  await serve(original, handlers, { ...settings, exposeErrors: 'always' })
  const middle = await testClient<Names>(inner, settings)
  await serve(passing, override(middle), { ...settings, exposeErrors: 'always' })
  const calls = await testClient<Names>(outer, settings)
  clients.push(calls, middle)
  return calls
}

/** Without a contract, a client has any name, so it has no list of names. */
function pick({ echo, count, sum, double, fail, hang }: TestClient<Names>): object {
  return { echo, count, sum, double, fail, hang }
}

describe.each([
  ['with a contract', { contract: CONTRACT }, undefined],
  ['without a contract', LOOSE, pick],
] as const)('a client that is served %s', (_name, settings, override) => {
  it('passes on the four kinds of calls', async () => {
    const calls = await passed(originals().handlers, settings, override)
    expect(await calls.echo({ id: 7n })).toEqual({ id: 7n })
    expect(await all(calls.count(3))).toEqual([0, 1, 2])
    expect(await calls.sum(numbers(4))).toBe(6)
    expect(await all(calls.double(numbers(3)))).toEqual([0, 2, 4])
  })

  it('passes on metadata in both directions', async () => {
    const { contexts, handlers } = originals()
    const calls = await passed(handlers, settings, override)
    const seen: unknown[] = []
    const options = {
      metadata: { 'x-tenant': 'a', 'x-key-bin': new Uint8Array([1, 2]) },
      onHeaders: (headers: Iterable<unknown>) => seen.push([...headers]),
      onTrailers: (trailers: Iterable<unknown>) => seen.push([...trailers]),
    }
    await calls.echo(1, options)
    expect(contexts[0]?.metadata.get('x-tenant')).toBe('a')
    expect(contexts[0]?.metadata.get('x-key-bin')).toEqual(new Uint8Array([1, 2]))
    expect(seen).toEqual([[['x-head', 'h']], [['x-trail', 't']]])
    await all(calls.count(1, options))
    expect(seen).toHaveLength(3)
  })

  it('passes on the ids of messages, and the id after which a stream continues', async () => {
    const calls = await passed(originals().handlers, settings, override)
    const stream = calls.count(5)[Symbol.asyncIterator]() as ReturnType<TestClient<Names>['count']>
    expect(await first(stream, 2)).toEqual([0, 1])
    expect(stream.lastEventId).toBe('1')
    expect(await all(calls.count(5, { lastEventId: '1' }))).toEqual([2, 3, 4])
  })

  it('passes on a deadline, which is not the default of the client between', async () => {
    const { contexts, ends, handlers } = originals()
    const calls = await passed(handlers, settings, override)
    expect(await failure(calls.hang(1, { timeoutMs: 50 }))).toMatchObject({ code: ErrorCode.TIMEOUT })
    await eventually(() => ends.length === 1)
    expect(contexts[0]?.remainingMs).toBeLessThanOrEqual(50)
    await calls.echo(1, { timeoutMs: Number.POSITIVE_INFINITY })
    expect(contexts[1]?.deadline).toBeUndefined()
  })

  it('passes on a cancellation and the end of a loop', async () => {
    const { contexts, ends, handlers } = originals()
    const calls = await passed(handlers, settings, override)
    const controller = new AbortController()
    const call = failure(calls.hang(1, { signal: controller.signal }))
    await eventually(() => contexts.length === 1)
    controller.abort()
    expect(await call).toMatchObject({ code: ErrorCode.ABORTED })
    await eventually(() => ends.includes('hang'))
    await first(calls.count(1_000_000), 1)
    await eventually(() => ends.includes('count'))
  })

  it('passes on the errors of the service', async () => {
    const calls = await passed(originals().handlers, settings, override)
    expect(await failure(calls.fail())).toMatchObject({
      code: ErrorCode.SERVICE,
      status: 'NOT_FOUND',
      message: 'gone',
      reason: 'GONE',
      details: { id: 7 },
    })
    expect(await failure(calls.fail('type'))).toMatchObject({
      code: ErrorCode.REMOTE,
      message: expect.stringContaining('a mistake') as string,
    })
  })
})

describe('a client that is served', () => {
  it('can be a part of the handlers', async () => {
    const calls = await passed(originals().handlers, { contract: CONTRACT }, (client) => ({
      ...client,
      echo: () => 'its own',
    }))
    expect(await calls.echo(1)).toBe('its own')
    expect(await calls.sum(numbers(3))).toBe(3)
  })

  it('reports the status of a service that is away, also in a stream', async () => {
    const [inner, original] = createChannelPair()
    const [outer, passing] = createChannelPair()
    await serve(original, originals().handlers as Handlers<Contract>, { contract: CONTRACT })
    const middle: object = await testClient(inner, { contract: CONTRACT })
    await serve(passing, middle as Handlers<Contract>, { contract: CONTRACT })
    const calls = await testClient<Names>(outer, { contract: CONTRACT, retries: 0 })
    clients.push(calls)
    original.destroy()
    await eventually(() => !inner.open)
    const away = {
      code: ErrorCode.SERVICE,
      status: 'UNAVAILABLE',
      message: 'the service is not available; call again later',
    }
    expect(await failure(calls.echo(1))).toMatchObject(away)
    expect(await failure(all(calls.count(1)))).toMatchObject(away)
  })
})
