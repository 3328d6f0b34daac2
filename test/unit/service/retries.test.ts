import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../../src/channel/channel.js'
import { ErrorCode } from '../../../src/errors.js'
import { serve } from '../../../src/service/serve.js'
import { ServiceError } from '../../../src/service-error.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { clients, type Names, opened } from '../../support/absent-server.js'
import { all, failure, type TestClient, testClient } from '../../support/services.js'
import { eventually } from '../../support/turns.js'

const ANY = { empty: false, parse: (value: unknown) => value }
const METHOD = { kind: 'unary', input: ANY, output: ANY, safe: false, idempotent: true, http: [] } as const
const RETRIED = { name: 'retried', hash: '0', methods: { again: METHOD } }

afterEach(() => {
  vi.restoreAllMocks()
})

/** A client whose first channel ends while it answers. The second one has no service. */
async function clientOfMortal(): Promise<TestClient<'again'>> {
  const [first, served] = createChannelPair()
  const [second] = createChannelPair()
  await serve(served, { again: () => served.destroy() }, { contract: RETRIED })
  const channels = [first, second]
  return testClient<'again'>(async () => channels.shift() as Channel, {
    contract: RETRIED,
    whenUnavailable: 'wait',
  })
}

describe('a retried call', () => {
  it('reports that it may have run if an earlier attempt may have run', async () => {
    const service = await clientOfMortal()
    const unserved = { code: ErrorCode.NO_HANDLER }
    await expect(service.again()).rejects.toMatchObject({ ...unserved, executed: 'unknown' })
    await expect(service.again()).rejects.toMatchObject({ ...unserved, executed: 'no' })
    await service.$close()
  })

  it('is not retried after its deadline', async () => {
    const service = await clientOfMortal()
    // The wait before the retry would last for hours.
    vi.spyOn(Math, 'random').mockReturnValue(1e6)
    // The timer can fire a moment early; then the next attempt waits for its server until the deadline.
    await expect(service.again(1, { timeoutMs: 50 })).rejects.toMatchObject({
      code: expect.stringMatching(`${ErrorCode.PEER_GONE}|${ErrorCode.TIMEOUT}`),
      executed: 'unknown',
    })
    await service.$close()
  })

  it('ends while it waits for the retry when its signal fires', async () => {
    const service = await clientOfMortal()
    const channel = service.$channel
    vi.spyOn(Math, 'random').mockReturnValue(1e6)
    const controller = new AbortController()
    const call = expect(service.again(1, { signal: controller.signal })).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
      executed: 'unknown',
    })
    await eventually(() => channel?.open === false)
    vi.restoreAllMocks()
    controller.abort()
    await call
    await service.$close()
  })
})

describe('a call that fails with UNAVAILABLE', () => {
  it('is repeated if its method is idempotent, as often as retries says', async () => {
    let count = 0
    const fail = (): never => {
      count += 1
      throw new ServiceError('UNAVAILABLE', 'busy')
    }
    for (const retries of [0, 1, 2, 5]) {
      count = 0
      const [calls] = await opened({ fail }, { retries })
      expect(await failure(calls.fail())).toMatchObject({ message: 'busy' })
      expect(count).toBe(retries + 1)
    }
    count = 0
    const [calls] = await opened({ echo: fail }, { retries: 5 })
    expect(await failure(calls.echo())).toMatchObject({ message: 'busy' })
    expect(count).toBe(1)
  })

  it('is not repeated after another status, without a contract, or if it is a stream', async () => {
    let count = 0
    const [calls, at] = await opened({
      fail: () => {
        count += 1
        throw new ServiceError('ABORTED', 'no')
      },
      async *count() {
        count += 1
        yield 1
        throw new ServiceError('UNAVAILABLE', 'busy')
      },
      echo: () => {
        count += 1
        throw new ServiceError('UNAVAILABLE', 'busy')
      },
    })
    await failure(calls.fail())
    expect(count).toBe(1)
    await failure(all(calls.count()))
    expect(count).toBe(2)
    const loose = await testClient<Names>(at.open, { name: 's' })
    clients.push(loose)
    await failure(loose.echo())
    expect(count).toBe(3)
  })

  it('is repeated after the time that the service states, unless that is longer than two seconds', async () => {
    const times: number[] = []
    let retryDelayMs = 30
    const [calls] = await opened(
      {
        fail: () => {
          times.push(performance.now())
          throw new ServiceError('UNAVAILABLE', 'busy', { details: { retryDelayMs } })
        },
      },
      { retries: 1 },
    )
    await failure(calls.fail())
    expect(times.length).toBe(2)
    // A timer can fire up to a millisecond early.
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThan(28)
    retryDelayMs = 2_001
    await failure(calls.fail())
    expect(times.length).toBe(3)
  })

  it('is repeated within the budget of its client only', async () => {
    let count = 0
    let fails = true
    const [calls] = await opened(
      {
        fail: () => {
          count += 1
          if (fails) throw new ServiceError('UNAVAILABLE', 'busy')
        },
      },
      { retries: 1 },
    )
    for (let round = 0; round < 20; round += 1) await failure(calls.fail())
    expect(count).toBe(30)
    fails = false
    for (let round = 0; round < 11; round += 1) await calls.fail()
    fails = true
    count = 0
    for (let round = 0; round < 5; round += 1) await failure(calls.fail())
    expect(count).toBe(6)
  })

  it('is repeated if it surely did not run, and succeeds with the next server', async () => {
    let count = 0
    const echo = (message: unknown): unknown => {
      count += 1
      return message
    }
    const [calls, at] = await opened({ echo }, { whenUnavailable: 'wait' })
    const closed = at.served.map((channel) => channel.close())
    const replies = Array.from({ length: 10 }, (_, index) => calls.echo(index))
    expect(await Promise.all(replies)).toEqual(Array.from({ length: 10 }, (_, index) => index))
    expect(count).toBe(10)
    await Promise.all(closed)
  })

  it('is not repeated if it may have run', async () => {
    let count = 0
    const [calls, at] = await opened(
      {
        hang: () => {
          count += 1
          return new Promise(() => {})
        },
      },
      { whenUnavailable: 'wait', retries: 5 },
    )
    const reply = failure(calls.hang())
    await eventually(() => count === 1)
    for (const channel of at.served) channel.destroy()
    expect(await reply).toMatchObject({ code: ErrorCode.PEER_GONE, executed: 'unknown' })
    await eventually(() => calls.$channel !== undefined)
    expect(count).toBe(1)
  })

  it('is not repeated after its time is over or its signal has fired', async () => {
    let count = 0
    const controller = new AbortController()
    const [calls] = await opened(
      {
        fail: () => {
          count += 1
          if (count === 2) controller.abort()
          throw new ServiceError('UNAVAILABLE', 'busy')
        },
      },
      { retries: 10 },
    )
    await failure(calls.fail(0, { signal: controller.signal }))
    expect(count).toBeLessThanOrEqual(3)
  })
})
