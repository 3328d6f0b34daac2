import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { CORRELATION_ID, correlationOf, requestCorrelation } from '../../../src/correlation.js'
import { HEADERS_MAX } from '../../../src/messaging/headers.js'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../src/messaging/queue/open-queue.js'
import { work } from '../../../src/messaging/queue/work.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import { subscribe } from '../../../src/messaging/topic/subscribe.js'
import { correlation, enableCorrelation, withCorrelation } from '../../../src/observe/correlation.js'
import type { CallContext } from '../../../src/service/call/call-context.js'
import { client } from '../../../src/service/client.js'
import { serve } from '../../../src/service/serve.js'
import { createChannelPair } from '../../../src/testing/index.js'
import { METADATA_BYTES_MAX } from '../../../src/wire/call-records.js'
import { localAddress } from '../../support/local-address.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

describe('the id in headers', () => {
  it.each([
    [{ [CORRELATION_ID]: 'a', traceparent: TRACEPARENT }, 'a'],
    [{ traceparent: TRACEPARENT }, TRACE],
    [{ [CORRELATION_ID]: 'a b', traceparent: TRACEPARENT }, TRACE],
    [{ [CORRELATION_ID]: 'x'.repeat(129) }, undefined],
    [{ [CORRELATION_ID]: 'x\n' }, undefined],
    [{ [CORRELATION_ID]: ['a', 'b'] }, undefined],
    [{ traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }, undefined],
    [{ traceparent: `00-${TRACE}-${'0'.repeat(16)}-01` }, undefined],
    [{ traceparent: `ff-${TRACE}-b7ad6b7169203331-01` }, undefined],
    // A later version can have further fields.
    [{ traceparent: `cc-${TRACE}-b7ad6b7169203331-01-more` }, TRACE],
    // A client that states two: the server joins them.
    [{ traceparent: `${TRACEPARENT}, ${TRACEPARENT}` }, undefined],
    [{ traceparent: 'wrong' }, undefined],
    [undefined, undefined],
  ])('of %j is %j', (headers, id) => {
    expect(correlationOf(headers)).toBe(id)
  })

  it('of a request of HTTP can be that of a proxy', () => {
    expect(requestCorrelation({ 'x-request-id': 'proxy' })).toBe('proxy')
    expect(requestCorrelation({ 'x-request-id': 'proxy', traceparent: TRACEPARENT })).toBe(TRACE)
    expect(requestCorrelation({ 'x-request-id': 'a b' })).toBeUndefined()
  })
})

/** Handlers that answer with the id at their steps. The first service calls the second one. */
async function servedPair() {
  const [first, firstEnd] = createChannelPair()
  const [second, secondEnd] = createChannelPair()
  onTestFinished(() => {
    for (const channel of [first, second]) channel.destroy()
  })
  await serve(secondEnd, {
    id: () => correlation(),
    header: (_request: unknown, { metadata }: CallContext) => metadata.text(CORRELATION_ID),
  })
  const inner = await client(second)
  await serve(firstEnd, {
    async through() {
      await pause()
      return [correlation(), await inner['id']?.(), await inner['header']?.()]
    },
    async *lines(): AsyncGenerator {
      for (let step = 0; step < 3; step += 1) {
        yield correlation()
        await pause()
      }
    },
    async *echo(_request: unknown): AsyncGenerator {
      yield correlation()
      await pause()
      yield await inner['id']?.()
    },
  })
  return client(first)
}

async function all(messages: unknown): Promise<unknown[]> {
  const received: unknown[] = []
  for await (const message of messages as AsyncIterable<unknown>) received.push(message)
  return received
}

describe('correlation', () => {
  let disable: () => void
  beforeEach(() => {
    disable = enableCorrelation()
  })
  afterEach(() => disable())

  it('is that of the caller, in handlers, in the calls that they make, and in generators', async () => {
    const users = await servedPair()
    await withCorrelation('one', async () => {
      expect(await users['through']?.()).toEqual(['one', 'one', 'one'])
      expect(await all(users['lines']?.())).toEqual(['one', 'one', 'one'])
      expect(await all(users['echo']?.())).toEqual(['one', 'one'])
    })
    expect(correlation()).toBeUndefined()
  })

  it('is new for each call without one, and the same in everything that it does', async () => {
    const users = await servedPair()
    const ids = (await users['through']?.()) as string[]
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/)
    expect(ids).toEqual([ids[0], ids[0], ids[0]])
    expect(await users['through']?.()).not.toContain(ids[0])
  })

  it('is that of the headers of a call, before that of its context', async () => {
    const users = await servedPair()
    const call = (metadata: Record<string, string>): Promise<unknown> =>
      withCorrelation('context', () => users['through']?.(undefined, { metadata }) as Promise<unknown>)
    expect(await call({ [CORRELATION_ID]: 'header' })).toEqual(['header', 'header', 'header'])
    expect(await call({ traceparent: TRACEPARENT })).toEqual([TRACE, TRACE, TRACE])
    expect(await call({ traceparent: TRACEPARENT, [CORRELATION_ID]: 'header' })).toContain('header')
  })

  it('travels with jobs and messages', async () => {
    const address = (): string => localAddress(temporaryDirectory())
    const [queueAddress, topicAddress] = [address(), address()]
    const queue = await createQueue(queueAddress)
    const jobs = await openQueue(queueAddress)
    const worker = await work(queueAddress, async () => {
      await pause()
      return correlation()
    })
    const topic = await createTopic(topicAddress)
    const subscription = await subscribe(topicAddress)
    const received = new Promise((resolve) => subscription.on('message', () => resolve(correlation())))
    onTestFinished(async () => {
      for (const one of [worker, jobs, queue, subscription, topic]) await one.close()
    })
    await withCorrelation('two', async () => {
      expect([await jobs.request({}), await queue.request({})]).toEqual(['two', 'two'])
      await topic.publish({})
    })
    expect(await received).toBe('two')
    expect(await jobs.request({}, { headers: { [CORRELATION_ID]: 'three' } })).toBe('three')
  })

  it('does not travel with headers that have no room for it', async () => {
    const users = await servedPair()
    // The name and the lengths take four bytes.
    const metadata = { a: 'x'.repeat(METADATA_BYTES_MAX - 4) }
    expect(await users['through']?.(undefined, { metadata })).toHaveLength(3)
    const queue = await createQueue(localAddress(temporaryDirectory()))
    onTestFinished(() => queue.close())
    const headers = Object.fromEntries(Array.from({ length: HEADERS_MAX }, (_, i) => [`h${i}`, '']))
    expect(await queue.push({}, { headers })).toMatchObject({ duplicate: false })
  })

  it('ends with the last one of its users', async () => {
    const other = enableCorrelation()
    const users = await servedPair()
    disable()
    disable()
    expect(await users['through']?.()).toContainEqual(expect.any(String))
    other()
    expect(await users['through']?.()).toEqual([undefined, undefined, undefined])
  })

  it.each(['', 'a b', 'x'.repeat(129), 'é', 5])('refuses the id %j', (id) => {
    expect(() => withCorrelation(id as string, () => {})).toThrow('1 to 128 visible ASCII characters')
  })
})
