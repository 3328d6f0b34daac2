import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeControl } from '../../src/messaging/attach/control-frame.js'
import { Conversation } from '../../src/messaging/attach/conversation.js'
import { bytesContract } from '../../src/messaging/bytes-contract.js'
import { receivedError } from '../../src/messaging/carried-error.js'
import { createTopic, TOPIC_METHODS } from '../../src/messaging/topic/create-topic.js'
import { encodePublish } from '../../src/messaging/topic/publish-frame.js'
import { subscribe } from '../../src/messaging/topic/subscribe.js'
import type { Topic, TopicOptions } from '../../src/messaging/topic/types.js'
import { undecodedClient } from '../../src/service/client.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { serve } from '../../src/service/serve.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

const SERVICE = 'shmwire.topic'
const open: AsyncDisposable[] = []

beforeEach(() => {
  ownRuntimeDirectory()
})

afterEach(async () => {
  await Promise.allSettled(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

function keep<T extends AsyncDisposable>(each: T): T {
  open.push(each)
  return each
}

async function failure(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise
  } catch (error) {
    return error as { code?: string; message: string }
  }
  throw new Error('the promise resolved')
}

const HELLO = { version: 1, codec: 'msgpack', from: 'next' }

/** A subscriber that writes its own frames. */
async function converse(
  frames: readonly Buffer[],
  transport: 'auto' | 'socket' = 'socket',
): Promise<Conversation> {
  const conversation = new Conversation('topic', { transport })
  open.push({ [Symbol.asyncDispose]: () => conversation.close() })
  await conversation.open(SERVICE, 'subscribe')
  for (const frame of frames) conversation.send(frame)
  return conversation
}

/** Reads until the topic ends the conversation. */
async function endOf(conversation: Conversation): Promise<{ code?: string; message: string }> {
  return failure(
    (async () => {
      for (let count = 0; count < 1_000; count += 1) await conversation.next()
    })(),
  )
}

describe('a topic with a hostile subscriber', () => {
  async function newTopic(options: TopicOptions = {}): Promise<Topic> {
    return keep(await createTopic('topic', options))
  }

  /** The topic has no trace of the subscriber, and serves others. */
  async function expectUnaffected(topic: Topic, others = 0): Promise<void> {
    await waitFor(() => expect(topic.stats().subscribers).toBe(others))
    const subscription = keep(await subscribe('topic'))
    await topic.publish('still here')
    const loop = subscription[Symbol.asyncIterator]()
    expect((await loop.next()).value).toBe('still here')
    await subscription.close()
  }

  it.each([
    ['an empty message', Buffer.alloc(0)],
    ['another kind', Buffer.of(9, 1, 2)],
    ['text that is not JSON', Buffer.from('\0{')],
    ['an array', Buffer.from('\0[1]')],
    ['null', Buffer.from('\0null')],
    ['a long message', Buffer.concat([Buffer.of(0), Buffer.alloc(9_000, 32)])],
    ['no members', encodeControl({})],
    ['an unknown place', encodeControl({ ...HELLO, from: 'middle' })],
    ['a position without an epoch', encodeControl({ ...HELLO, from: { sequence: 1 } })],
    ['a negative position', encodeControl({ ...HELLO, from: { epoch: 'e', sequence: -1 } })],
    ['a position that is not a number', encodeControl({ ...HELLO, from: { epoch: 'e', sequence: '1' } })],
    ['a long epoch', encodeControl({ ...HELLO, from: { epoch: 'e'.repeat(65), sequence: 1 } })],
    ['a codec that is not a name', encodeControl({ ...HELLO, codec: 7 })],
    ['a long reason', encodeControl({ ...HELLO, obstacle: 'x'.repeat(2_000) })],
  ])('ends the conversation after %s as the first message', async (_what, frame) => {
    const topic = await newTopic()
    const error = await endOf(await converse([frame]))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(topic)
  })

  it('refuses another version and another codec', async () => {
    const topic = await newTopic()
    const version = await endOf(await converse([encodeControl({ ...HELLO, version: 2 })]))
    expect(version).toMatchObject({ code: 'ERR_SHMWIRE_VERSION' })
    const codec = await endOf(await converse([encodeControl({ ...HELLO, codec: 'json' })]))
    expect(codec).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    await expectUnaffected(topic)
  })

  it('ends a conversation without a first message after some time', async () => {
    const topic = await newTopic()
    expect(await endOf(await converse([]))).toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
    await expectUnaffected(topic)
  })

  it('ends a conversation that reports a full handover socket without end', async () => {
    const topic = await newTopic()
    const full = Array.from({ length: 200 }, () => encodeControl({ full: true }))
    const error = await endOf(await converse([encodeControl(HELLO), ...full], 'auto'))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(topic)
  })

  it('ends a conversation with an offer without descriptors', async () => {
    const topic = await newTopic()
    const conversation = await converse([encodeControl(HELLO), encodeControl({ offered: true })], 'auto')
    expect(await endOf(conversation)).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(topic)
  })

  it.each([
    ['a reason that is not a text', encodeControl({ reason: 1 })],
    ['another member', encodeControl({ attached: true })],
    ['another kind', Buffer.of(2)],
  ])('ends a conversation with %s in place of an offer', async (_what, frame) => {
    const topic = await newTopic()
    const error = await endOf(await converse([encodeControl(HELLO), frame], 'auto'))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(topic)
  })

  it('serves others while conversations stop in the attachment', async () => {
    const topic = await newTopic()
    const stopped: Conversation[] = []
    for (let count = 0; count < 40; count += 1) stopped.push(await converse([encodeControl(HELLO)], 'auto'))
    const subscription = keep(await subscribe('topic'))
    await topic.publish(1)
    expect((await subscription[Symbol.asyncIterator]().next()).value).toBe(1)
    await Promise.all([subscription, ...stopped].map((each) => each.close()))
    await expectUnaffected(topic)
  })

  it.each([
    ['a report of room', Buffer.of(2)],
    ['a report of a loss', Buffer.of(3)],
    ['a control message', encodeControl({ done: true })],
    ['an empty message', Buffer.alloc(0)],
    ['a batch', Buffer.alloc(100, 1)],
  ])('ends a conversation with %s after the begin', async (_what, frame) => {
    const topic = await newTopic({ overflow: 'block' })
    const hello = encodeControl({ ...HELLO, obstacle: 'none of your business' })
    const error = await endOf(await converse([hello, frame]))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(topic)
  })

  it('survives a flood of messages of a conversation that reads nothing', async () => {
    const topic = await newTopic()
    const hello = encodeControl({ ...HELLO, obstacle: 'none' })
    const flood = Array.from({ length: 20_000 }, () => Buffer.alloc(200, 7))
    await converse([hello, ...flood])
    await expectUnaffected(topic)
  })

  it('refuses malformed messages of other publishers and publishes none of them', async () => {
    const topic = await newTopic()
    const subscription = keep(await subscribe('topic'))
    const contract = bytesContract(SERVICE, TOPIC_METHODS)
    const { functions, members } = await undecodedClient('topic', { contract })
    open.push({ [Symbol.asyncDispose]: () => members.$close() })
    const publish = (frame: Uint8Array): Promise<unknown> =>
      (functions.get('publish') as (frame: Uint8Array) => Promise<unknown>)(frame).catch((error) => {
        throw receivedError(error)
      })
    const body = Buffer.from([1])
    const good = encodePublish('msgpack', Buffer.from('a.b'), 3, body)
    const changed = (at: number, value: number): Buffer => {
      const frame = Buffer.from(good)
      frame[at] = value
      return frame
    }
    const bad = [
      Buffer.alloc(0),
      good.subarray(0, 7),
      changed(0, 9),
      changed(1, 200),
      changed(2, 200),
      changed(3, 1),
      changed(7, 0x7f),
      encodePublish('msgpack', Buffer.from('a b'), 3, body),
      encodePublish('msgpack', Buffer.from('a..b'), 4, body),
      encodePublish('msgpack', Buffer.of(0xff, 0xfe), 2, body),
      encodePublish('msgpack', Buffer.from('k\x01\x02'), 1, body),
    ]
    for (const frame of bad)
      expect(await failure(publish(frame))).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    // No subscriber could decode it.
    const undecodable = encodePublish('msgpack', Buffer.alloc(0), 0, Buffer.of(0xc1))
    expect(await failure(publish(undecodable))).toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
    const random = randomFrom(newSeed('malformed publishes'))
    for (let count = 0; count < 500; count += 1) {
      const frame = Buffer.from(good)
      for (let change = integerFrom(random, 1, 4); change > 0; change -= 1)
        frame[integerFrom(random, 0, frame.length - 1)] = integerFrom(random, 0, 255)
      await publish(frame.subarray(0, integerFrom(random, 0, frame.length))).catch(() => {})
    }
    const before = topic.sequence
    await publish(good)
    expect(topic.sequence).toBe(before + 1)
    await topic.close()
    const messages: unknown[] = []
    for await (const message of subscription) messages.push(message)
    expect(messages.at(-1)).toBe(1)
  })
})

describe('a subscriber of a hostile topic', () => {
  const WELCOME = { epoch: 'e', codec: 'msgpack', overflow: 'lose', start: 'next', isOtherEpoch: false }
  const START = [encodeControl(WELCOME), encodeControl({ reason: 'none' }), encodeControl({ begin: 1 })]

  /** A topic that sends these frames. With `hangs`, it does not end the conversation. */
  async function topicOf(frames: readonly Buffer[], hangs = false): Promise<void> {
    const handlers = {
      publish: () => Buffer.alloc(0),
      async *subscribe(_requests: unknown, { signal }: { signal: AbortSignal }) {
        yield* frames
        if (hangs) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    }
    const contract = bytesContract(SERVICE, TOPIC_METHODS)
    keep(await serve('topic', handlers as unknown as Handlers<Contract>, { contract }))
  }

  /** A batch with one message for each array of parts. */
  function batch(
    first: number,
    lost: number,
    messages: readonly (readonly [key: string, headers: Buffer, body: Buffer])[],
    count = messages.length,
  ): Buffer {
    const head = Buffer.alloc(24 + 12 * messages.length)
    head.writeUInt32LE(1, 0)
    head.writeUInt32LE(count, 4)
    head.writeDoubleLE(first, 8)
    head.writeDoubleLE(lost, 16)
    messages.forEach(([key, headers, body], index) => {
      head.writeUInt32LE(Buffer.byteLength(key), 24 + 12 * index)
      head.writeUInt32LE(headers.length, 28 + 12 * index)
      head.writeUInt32LE(body.length, 32 + 12 * index)
    })
    return Buffer.concat([
      head,
      ...messages.flatMap(([key, headers, body]) => [Buffer.from(key), headers, body]),
    ])
  }

  const NO_BYTES = Buffer.alloc(0)
  const ONE = ['', NO_BYTES, Buffer.of(1)] as const
  const good = batch(1, 0, [ONE])
  const changed = (at: number, value: number): Buffer => {
    const frame = Buffer.from(good)
    frame.writeUInt32LE(value, at)
    return frame
  }

  it.each([
    ['a batch', good],
    ['no JSON', Buffer.from('\0x')],
    ['no members', encodeControl({})],
    ['a long epoch', encodeControl({ ...WELCOME, epoch: 'e'.repeat(100) })],
    ['an unknown overflow', encodeControl({ ...WELCOME, overflow: 'x' })],
    ['an unknown start', encodeControl({ ...WELCOME, start: 0 })],
  ])('rejects a topic that begins with %s', async (_what, frame) => {
    await topicOf([frame])
    expect(await failure(subscribe('topic'))).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
  })

  it.each([
    ['a token of another length', [encodeControl({ token: 'ab' })]],
    ['a token that is not a text', [encodeControl({ token: 5 })]],
    ['no reason', [encodeControl({ reason: '' })]],
    ['no begin', [encodeControl({ reason: 'none' }), encodeControl({ begin: 0 })]],
    ['a begin that is not a number', [encodeControl({ reason: 'none' }), encodeControl({ begin: '1' })]],
    ['a batch before the begin', [encodeControl({ reason: 'none' }), good]],
  ])('rejects a topic that continues with %s', async (_what, frames) => {
    await topicOf([encodeControl(WELCOME), ...frames])
    expect(await failure(subscribe('topic'))).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
  })

  it('rejects a token of a topic that knows that this side has no memory', async () => {
    await topicOf([encodeControl(WELCOME), encodeControl({ token: '0'.repeat(32) })])
    const error = await failure(subscribe('topic', { channel: { transport: 'socket' } }))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
  })

  it('rejects a topic that ends or hangs before the begin', async () => {
    await topicOf([encodeControl(WELCOME)])
    expect(await failure(subscribe('topic'))).toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
    await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
    await topicOf([encodeControl(WELCOME)], true)
    expect(await failure(subscribe('topic', { timeoutMs: 100 }))).toMatchObject({
      code: 'ERR_SHMWIRE_TIMEOUT',
    })
  })

  it.each([
    ['a header that is cut off', good.subarray(0, 20)],
    ['an empty frame', NO_BYTES],
    ['another kind', changed(0, 7)],
    ['more messages than bytes', changed(4, 60_000)],
    ['more messages than a batch can have', changed(4, 0xffff_ffff)],
    ['no message', batch(1, 0, [])],
    ['a message that arrived already', batch(0, 0, [ONE])],
    ['a gap without a loss', batch(3, 0, [ONE])],
    ['a loss without a gap', batch(1, 1, [ONE])],
    ['a negative loss', batch(0, -1, [ONE])],
    ['a loss that is not a number', batch(1, Number.NaN, [ONE])],
    ['an endless loss', batch(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, [ONE])],
    ['a part of a message', batch(1.5, 0.5, [ONE])],
    ['a key that is longer than the frame', changed(24, 200)],
    ['a key that is longer than any', changed(24, 300)],
    ['headers that are longer than any', changed(28, 70_000)],
    ['a body that is longer than the frame', changed(32, 2)],
    ['a body of 4 GiB', changed(32, 0xffff_ffff)],
    ['bytes after the last message', Buffer.concat([good, Buffer.of(0)])],
    ['a malformed key', batch(1, 0, [['a..b', NO_BYTES, Buffer.of(1)]])],
    ['malformed headers', batch(1, 0, [['', Buffer.of(1), Buffer.of(1)]])],
  ])('ends with CORRUPT after %s', async (_what, frame) => {
    await topicOf([...START, frame], true)
    const subscription = keep(await subscribe('topic'))
    const messages: unknown[] = []
    const error = await failure(
      (async () => {
        for await (const message of subscription) messages.push(message)
      })(),
    )
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    expect(messages).toEqual([])
  })

  it('delivers the messages before a malformed batch, and a loss without a message', async () => {
    await topicOf([...START, good, batch(7, 5, []), batch(7, 0, [ONE]), changed(0, 7)], true)
    const subscription = keep(await subscribe('topic'))
    const lost: unknown[] = []
    subscription.on('lost', (count) => lost.push(count))
    const taken: unknown[] = []
    const error = await failure(
      (async () => {
        for await (const [message, { sequence }] of subscription.entries()) taken.push([message, sequence])
      })(),
    )
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    expect(taken).toEqual([
      [1, 1],
      [1, 7],
    ])
    expect(lost).toEqual([5])
  })

  it('ends with CODEC after a message that cannot be decoded', async () => {
    await topicOf([...START, batch(1, 0, [['', NO_BYTES, Buffer.of(0xc1)]])], true)
    const subscription = keep(await subscribe('topic'))
    expect(await failure(subscription[Symbol.asyncIterator]().next())).toMatchObject({
      code: 'ERR_SHMWIRE_CODEC',
    })
  })

  it('survives random batches', async () => {
    const random = randomFrom(newSeed('random batches'))
    for (let round = 0; round < 40; round += 1) {
      const frame = batch(1, 0, [ONE, ['k.v', NO_BYTES, Buffer.of(2)]])
      for (let change = integerFrom(random, 1, 3); change > 0; change -= 1)
        frame[integerFrom(random, 0, frame.length - 1)] = integerFrom(random, 0, 255)
      await topicOf([...START, frame])
      const subscription = await subscribe('topic')
      try {
        for await (const _message of subscription);
      } catch (error) {
        expect(['ERR_SHMWIRE_CORRUPT', 'ERR_SHMWIRE_CODEC']).toContain((error as { code: string }).code)
      }
      await subscription.close()
      await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
    }
  })
})
