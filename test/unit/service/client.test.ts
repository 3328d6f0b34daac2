import { describe, expect, it } from 'vitest'
import type { Channel } from '../../../src/channel/channel.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import type { CallContext } from '../../../src/service/call/call-context.js'
import { client } from '../../../src/service/client.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { ABSENT, CONTRACT, clients, type Names, open, opened, place } from '../../support/absent-server.js'
import { all, failure, first, testClient } from '../../support/services.js'
import { eventually, turns } from '../../support/turns.js'

describe('a client that opens its channels itself', () => {
  it('rejects with the reason of the first attempt, unless it waits for its server', async () => {
    const at = place()
    expect(await failure(open(at))).toMatchObject({ code: ErrorCode.NOT_LISTENING })
    at.absence = new Error('no network')
    expect(await failure(open(at))).toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      message: expect.stringContaining('no network') as string,
    })
    const waiting = open(at, { waitForServer: true })
    const before = at.attempts
    await eventually(() => at.attempts > before + 2)
    at.begin()
    expect(await (await waiting).echo(1)).toBe(1)
  })

  it('stops to wait for its server when its signal fires', async () => {
    const at = place()
    const controller = new AbortController()
    const waiting = open(at, { waitForServer: true, signal: controller.signal })
    await eventually(() => at.attempts > 1)
    controller.abort()
    expect(await failure(waiting)).toMatchObject({ code: ErrorCode.ABORTED })
    const { attempts } = at
    await turns(20)
    expect(at.attempts).toBe(attempts)
    expect(await failure(open(at, { waitForServer: true, signal: AbortSignal.abort() }))).toMatchObject({
      code: ErrorCode.ABORTED,
    })
  })

  it('does not wait for a function that never finishes', async () => {
    const channels: Channel[] = []
    let finish: (() => void) | undefined
    const never = (): Promise<Channel> =>
      new Promise((resolve) => {
        const [left] = createChannelPair()
        channels.push(left)
        finish = () => resolve(left)
      })
    const aborting = failure(client(never, { signal: AbortSignal.timeout(5) }))
    expect(await aborting).toMatchObject({
      code: ErrorCode.ABORTED,
      message: 'the wait for the server was aborted',
    })
    finish?.()
    await eventually(() => channels[0]?.open === false)

    const at = place()
    at.begin()
    let isFirst = true
    const calls = await testClient<Names>(
      () => {
        if (!isFirst) return never()
        isFirst = false
        return at.open()
      },
      { contract: CONTRACT },
    )
    at.end()
    await eventually(() => channels.length === 2)
    await calls.$close()
  })

  it('closes without an error while its server ends', async () => {
    const [calls, at] = await opened({})
    const hanging = failure(calls.hang())
    const closed = calls.$close()
    at.end()
    await closed
    expect(await hanging).toMatchObject({ code: ErrorCode.PEER_GONE })
  })

  it('ends with an error that another attempt would repeat', async () => {
    const at = place()
    at.absence = new ShmwireError(ErrorCode.DENIED, 'not for you')
    const denied = { code: ErrorCode.DENIED, status: 'PERMISSION_DENIED' }
    expect(await failure(open(at))).toMatchObject(denied)
    expect(await failure(open(at, { waitForServer: true }))).toMatchObject(denied)
    at.begin()
    const calls = await open(at)
    at.end()
    at.absence = new ShmwireError(ErrorCode.DENIED, 'not any more')
    await eventually(() => calls.$channel === undefined && at.attempts > 3)
    await turns(5)
    expect(await failure(calls.echo(1))).toMatchObject({ ...denied, executed: 'no' })
  })

  it('needs a function that returns a channel', async () => {
    const wrong = { code: ErrorCode.INVALID_ARGUMENT }
    expect(await failure(client((() => Promise.resolve(5)) as never))).toMatchObject(wrong)
    expect(await failure(client(place().open, { channel: {} }))).toMatchObject(wrong)
  })

  it('outlives its server', async () => {
    const [calls, at] = await opened({})
    const channels = new Set<unknown>()
    for (let round = 0; round < 5; round += 1) {
      expect(await calls.echo(round)).toBe(round)
      channels.add(calls.$channel)
      at.end(round % 2 === 0 ? undefined : (channel) => channel.close())
      await eventually(() => calls.$channel === undefined)
      expect(await failure(calls.echo(1))).toMatchObject(ABSENT)
      expect(await failure(all(calls.count(5)))).toMatchObject(ABSENT)
      at.begin()
      await eventually(() => calls.$channel !== undefined)
    }
    expect(channels.size).toBe(5)
  })

  it('whose function returns an ended channel tries again', async () => {
    const at = place()
    at.begin()
    let count = 0
    const calls = await testClient<Names>(
      async () => {
        const channel = await at.open()
        count += 1
        if (count === 1) channel.destroy()
        return channel
      },
      { contract: CONTRACT, waitForServer: true },
    )
    clients.push(calls)
    await eventually(() => calls.$channel !== undefined)
    expect(await calls.echo(1)).toBe(1)
  })

  it('that is closed ends its channel, and its calls fail with CLOSED', async () => {
    const [calls, at] = await opened({})
    const hanging = failure(calls.hang(0, { timeoutMs: 20 }))
    const closed = calls.$close()
    expect(await failure(calls.echo(1))).toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
    expect(await hanging).toMatchObject({ code: ErrorCode.TIMEOUT })
    await closed
    await eventually(() => at.served[0]?.open === false)
    expect(await failure(calls.$close({ timeoutMs: -1 }))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    const { attempts } = at
    await turns(20)
    expect(at.attempts).toBe(attempts)
  })

  it('continues if it is closed with invalid options', async () => {
    const [calls] = await opened({})
    expect(await failure(calls.$close({ timeoutMs: -1 }))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    expect(await calls.echo(1)).toBe(1)
  })
})

describe('a call while the server is absent', () => {
  const waits = { whenUnavailable: 'wait' } as const

  it.each([CONTRACT, undefined])('waits for it, with the messages of all kinds', async (contract) => {
    const at = place()
    at.begin()
    const calls = await open(at, { ...waits, contract, ...(contract === undefined ? { name: 's' } : {}) })
    at.end()
    await eventually(() => calls.$channel === undefined)
    const stream = calls.count(10)
    const results = Promise.all([calls.echo('one'), first(stream, 3), calls.echo('two')])
    await turns(5)
    at.begin()
    expect(await results).toEqual(['one', [0, 1, 2], 'two'])
    expect(stream.lastEventId).toBe('2')
  })

  it('ends at its bounds, and surely did not run', async () => {
    const [calls, at] = await opened({}, waits)
    at.end()
    await eventually(() => calls.$channel === undefined)
    const late = { code: ErrorCode.TIMEOUT, executed: 'no' }
    expect(await failure(calls.echo(1, { timeoutMs: 5 }))).toMatchObject(late)
    expect(await failure(all(calls.count(1, { timeoutMs: 5 })))).toMatchObject(late)
    const controller = new AbortController()
    const options = { signal: controller.signal }
    const errors = [failure(calls.echo(1, options)), failure(all(calls.count(1, options)))]
    await turns(2)
    controller.abort()
    for (const error of [...errors, failure(calls.echo(1, options))])
      expect(await error).toMatchObject({ code: ErrorCode.ABORTED, executed: 'no' })
    const stream = calls.count(5)
    const next = stream.next()
    await stream.return?.()
    expect(await next).toEqual({ value: undefined, done: true })
    expect(await stream.next()).toEqual({ value: undefined, done: true })
  })

  it('has the rest of its time when the server is there', async () => {
    const [calls, at] = await opened(
      {
        echo: (_request: unknown, { remainingMs }: CallContext) => remainingMs,
        async *count(_request: unknown, { remainingMs }: CallContext) {
          yield remainingMs
        },
      },
      waits,
    )
    at.end()
    await eventually(() => calls.$channel === undefined)
    const begunMs = performance.now()
    const options = { timeoutMs: 20_000 }
    const results = Promise.all([calls.echo(0, options), all(calls.count(0, options))])
    await eventually(() => performance.now() - begunMs > 50)
    at.begin()
    const [one, [two]] = await results
    for (const remainingMs of [one, two]) expect(remainingMs).toBeLessThanOrEqual(19_950)
  })

  it('fails when the client is closed', async () => {
    const [calls, at] = await opened({}, waits)
    at.end()
    await eventually(() => calls.$channel === undefined)
    const errors = [failure(calls.echo(1)), failure(all(calls.count(1)))]
    await calls.$close()
    for (const error of errors) expect(await error).toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
  })
})
