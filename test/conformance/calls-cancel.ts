import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext, CallOptions } from '../../src/service/call/call-context.js'
import { ServiceError } from '../../src/service-error.js'
import { failure, type TestClient, testContract } from '../support/services.js'
import { eventually, turn } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

type Names = 'hang' | 'endless' | 'stuck' | 'drain' | 'echo' | 'early' | 'fail'

const CONTRACT = testContract({
  hang: 'unary',
  endless: 'serverStream',
  stuck: 'serverStream',
  drain: 'clientStream',
  echo: 'bidi',
  early: 'clientStream',
  fail: 'clientStream',
})

/** The events of one call, on both sides. */
interface Run {
  readonly events: Set<string>
  readonly calls: TestClient<Names>
  readonly left: Channel
  readonly right: Channel
}

function handlersWith(events: Set<string>) {
  const watch = ({ signal }: CallContext): void => {
    events.add('begun')
    signal.addEventListener('abort', () => events.add('signal'))
  }
  const read = async (messages: AsyncIterable<unknown>): Promise<void> => {
    try {
      for await (const _message of messages) events.add('received')
    } finally {
      events.add('input ended')
    }
  }
  return {
    hang: (_request: unknown, context: CallContext) => {
      watch(context)
      return new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()))
    },
    async *endless(_request: unknown, context: CallContext) {
      watch(context)
      try {
        for (let number = 0; ; number += 1) {
          yield number
          await turn()
        }
      } finally {
        events.add('finally')
      }
    },
    /** Waits at a promise, not at a `yield`. */
    async *stuck(_request: unknown, context: CallContext) {
      watch(context)
      try {
        yield 1
        await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()))
        yield 2
      } finally {
        events.add('finally')
      }
    },
    async drain(messages: AsyncIterable<unknown>, context: CallContext) {
      watch(context)
      await read(messages)
    },
    async *echo(messages: AsyncIterable<unknown>, context: CallContext) {
      watch(context)
      try {
        for await (const message of messages) yield message
      } finally {
        events.add('finally')
      }
    },
    async early(messages: AsyncIterable<unknown>) {
      for await (const message of messages) return message
      return undefined
    },
    async fail(messages: AsyncIterable<unknown>) {
      for await (const _message of messages) throw new ServiceError('ABORTED', 'enough')
    },
  }
}

/** Ways to end a call early. Each returns the error of the caller, if it gets one. */
const ENDS: readonly [way: string, code: string | undefined, executed: string | undefined][] = [
  ['its signal fires', ErrorCode.ABORTED, 'unknown'],
  ['its time is over', ErrorCode.TIMEOUT, 'unknown'],
  ['the channel of the caller is destroyed', ErrorCode.CLOSED, 'unknown'],
  ['the channel of the service is destroyed', ErrorCode.PEER_GONE, 'unknown'],
]
const LEAVES = ['leaves the loop', 'throws in the loop', 'disposes of the stream'] as const

/** The ends of calls before their answer. */
export function callCancel(fixture: ChannelFixture): void {
  const { name } = fixture

  async function begin(withContract: boolean): Promise<Run> {
    const events = new Set<string>()
    const contract = withContract ? CONTRACT : undefined
    const opened = await open(fixture, handlersWith(events), { contract })
    return { events, ...opened }
  }

  /** The messages of the caller, without end. */
  async function* input(events: Set<string>): AsyncGenerator<number> {
    try {
      for (let number = 0; ; number += 1) {
        yield number
        await turn()
      }
    } finally {
      events.add('caller finally')
    }
  }

  /** Begins a call that `way` ends, once `ready`. */
  function endBy(way: string, run: Run, ready: () => boolean): CallOptions {
    if (way === 'its time is over') return { timeoutMs: 100 }
    const controller = new AbortController()
    void eventually(ready).then(() => {
      if (way === 'its signal fires') controller.abort(new Error('no more'))
      if (way === 'the channel of the caller is destroyed') run.left.destroy()
      if (way === 'the channel of the service is destroyed') run.right.destroy()
    })
    return { signal: controller.signal }
  }

  async function drained(messages: AsyncIterable<unknown>, events: Set<string>): Promise<void> {
    for await (const _message of messages) events.add('answered')
  }

  describe.each([true, false])(`a call over ${name} ends early (with a contract: %s)`, (withContract) => {
    it.each(ENDS)('when %s: the signal of a unary handler fires', async (way, code, executed) => {
      const run = await begin(withContract)
      const options = endBy(way, run, () => run.events.has('begun'))
      expect(await failure(run.calls.hang(0, options))).toMatchObject({ code, executed })
      await eventually(() => run.events.has('signal'))
    })

    it.each(ENDS)('when %s: a generator of the service ends', async (way, code, executed) => {
      for (const method of ['endless', 'stuck'] as const) {
        const run = await begin(withContract)
        const { calls, events } = run
        const options = endBy(way, run, () => events.has('answered'))
        expect(await failure(drained(calls[method](0, options), events))).toMatchObject({ code, executed })
        await eventually(() => events.has('signal') && events.has('finally'))
      }
    })

    it.each(ENDS)('when %s: the streams of both directions end', async (way, code, executed) => {
      const run = await begin(withContract)
      const { calls, events } = run
      const options = endBy(way, run, () => events.has('answered'))
      const messages = calls.echo(input(events), options)
      expect(await failure(drained(messages, events))).toMatchObject({ code, executed })
      await eventually(() => ['signal', 'finally', 'caller finally'].every((event) => events.has(event)))
    })

    it.each(ENDS)('when %s: the stream of the caller ends', async (way, code, executed) => {
      const run = await begin(withContract)
      const { calls, events } = run
      const options = endBy(way, run, () => events.has('received'))
      expect(await failure(calls.drain(input(events), options))).toMatchObject({ code, executed })
      await eventually(() => ['signal', 'input ended', 'caller finally'].every((event) => events.has(event)))
    })

    it.each(LEAVES)('when the caller %s: both generators end', async (way) => {
      for (const method of ['endless', 'stuck', 'echo'] as const) {
        const { calls, events } = await begin(withContract)
        const messages = calls[method](method === 'echo' ? input(events) : 0)
        if (way === 'throws in the loop') {
          const error = new Error('mine')
          const thrown = failure(
            (async () => {
              for await (const _message of messages) throw error
            })(),
          )
          expect(await thrown).toBe(error)
        } else if (way === 'leaves the loop') {
          for await (const _message of messages) break
        } else {
          const iterator = messages[Symbol.asyncIterator]() as AsyncIterableIterator<unknown> &
            AsyncDisposable
          await iterator.next()
          await iterator[Symbol.asyncDispose]()
          expect(await iterator.next()).toEqual({ value: undefined, done: true })
        }
        await eventually(() => events.has('signal') && events.has('finally'))
        if (method === 'echo') await eventually(() => events.has('caller finally'))
      }
    })

    it('when the handler answers: the stream of the caller ends', async () => {
      const { calls, events } = await begin(withContract)
      expect(await calls.early(input(events))).toBe(0)
      await eventually(() => events.has('caller finally'))
    })

    it('when the handler fails: the stream of the caller ends', async () => {
      const { calls, events } = await begin(withContract)
      expect(await failure(calls.fail(input(events)))).toMatchObject({ status: 'ABORTED', message: 'enough' })
      await eventually(() => events.has('caller finally'))
    })

    it('when the stream of the caller throws: the call fails with that error, and the handler ends', async () => {
      const { calls, events } = await begin(withContract)
      const error = new RangeError('broken source')
      async function* broken(): AsyncGenerator<number> {
        yield 1
        await turn()
        throw error
      }
      expect(await failure(calls.drain(broken()))).toBe(error)
      await eventually(() => events.has('signal') && events.has('input ended'))
      events.clear()
      expect(await failure(drained(calls.echo(broken()), events))).toBe(error)
      await eventually(() => events.has('signal') && events.has('finally'))
    })

    it('before it begins if its signal has fired', async () => {
      const { calls, events } = await begin(withContract)
      const options = { signal: AbortSignal.abort(new Error('before')) }
      const aborted = { code: ErrorCode.ABORTED, status: 'CANCELLED', executed: 'no' }
      const error = await failure(calls.hang(0, options))
      expect(error).toMatchObject(aborted)
      expect(error['cause']).toMatchObject({ message: 'before' })
      expect(await failure(drained(calls.endless(0, options), events))).toMatchObject(aborted)
      expect(await failure(calls.drain(input(events), options))).toMatchObject(aborted)
      await turn()
      expect(events).toEqual(new Set())
    })

    it('if its signal fires while its message is encoded', async () => {
      const { calls } = await begin(withContract)
      const controller = new AbortController()
      const message = {
        get text() {
          controller.abort()
          return 'text'
        },
      }
      const error = await failure(calls.hang(message, { signal: controller.signal }))
      expect(error).toMatchObject({ code: ErrorCode.ABORTED })
    })
  })

  describe(`a cancelled call over ${name}`, () => {
    it('has one outcome when its answer and its cancellation cross', async () => {
      const { calls, left, service } = await open(fixture, {
        echo: async (value: number) => {
          for (let count = 0; count < value % 4; count += 1) await turn()
          return value
        },
      })
      const outcomes = Array.from({ length: 5_000 }, async (_, value) => {
        const controller = new AbortController()
        const reply = calls.echo(value, { signal: controller.signal })
        if (value % 2 === 0) void turn().then(() => controller.abort())
        try {
          return (await reply) === value
        } catch (error) {
          return controller.signal.aborted && (error as { code: string }).code === ErrorCode.ABORTED
        }
      })
      expect((await Promise.all(outcomes)).every((isRight) => isRight)).toBe(true)
      await eventually(() => service.stats()['echo']?.running === 0)
      expect(await calls.echo(1)).toBe(1)
      await left.close()
    })

    it('does not close the channel twice when listeners of signals destroy it', async () => {
      const { calls, right, service } = await open(fixture, {
        hang: (_request: unknown, { signal }: CallContext) =>
          new Promise(() => {
            signal.addEventListener('abort', () => right.destroy())
          }),
      })
      const controller = new AbortController()
      const replies = Array.from({ length: 3 }, () => failure(calls.hang(0, { signal: controller.signal })))
      await eventually(() => service.stats()['hang']?.running === 3)
      controller.abort()
      for (const error of await Promise.all(replies)) expect(error).toMatchObject({ code: ErrorCode.ABORTED })
      await eventually(() => !right.open)
      expect(service.stats()['hang']).toMatchObject({ running: 0, calls: 3, errors: 3 })
    })
  })
}
