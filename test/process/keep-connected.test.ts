import { once } from 'node:events'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Channel,
  type Connector,
  ErrorCode,
  keepConnected,
  listen,
  type Retry,
} from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'

const NAME = 'kept'

beforeAll(() => ensureBuilt())

beforeEach(() => void ownRuntimeDirectory())

async function startServer(): Promise<Child> {
  const child = new Child('echo-server', { args: [NAME, 'auto'], ipc: true })
  expect(await child.next()).toBe('listening')
  return child
}

async function nextChannel(connector: Connector): Promise<Channel> {
  const [channel] = (await once(connector, 'channel')) as [Channel]
  return channel
}

function retriesOf(connector: Connector): Retry[] {
  const retries: Retry[] = []
  connector.on('retry', (retry) => retries.push(retry))
  return retries
}

describe('keepConnected', () => {
  it('creates a new channel after the server was killed and restarted', async () => {
    let server = await startServer()
    const connector = keepConnected(NAME, { backOff: { minMs: 1, maxMs: 20 } })
    const retries = retriesOf(connector)
    const seen = new Set<Channel>()
    let next = nextChannel(connector)
    for (let round = 0; round < 3; round += 1) {
      const channel = await next
      seen.add(channel)
      expect(connector.channel).toBe(channel)
      expect(await channel.request(round)).toBe(round)
      const over = new Promise((resolve) => channel.once('close', resolve))
      next = nextChannel(connector)
      await server.kill()
      expect(await over).toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(connector.channel).toBeUndefined()
      server = await startServer()
    }
    const last = await next
    expect(seen.size).toBe(3)
    expect(seen.has(last)).toBe(false)
    expect(retries.some(({ error }) => (error as { code?: string }).code === ErrorCode.PEER_GONE)).toBe(true)
    await connector.close()
    expect(last.open).toBe(false)
  })

  it('connects again to a server that has closed in order', async () => {
    const connector = keepConnected(NAME, { backOff: { minMs: 1, maxMs: 5 } })
    const retries = retriesOf(connector)
    for (let round = 0; round < 2; round += 1) {
      const server = await listen(NAME)
      server.on('channel', (channel) => channel.handle((value) => value))
      const channel = await nextChannel(connector)
      expect(await channel.request(round)).toBe(round)
      await server.close()
    }
    await eventually(() => retries.some(({ error }) => error === undefined))
    await connector.close()
  })

  it('increases the random delay between attempts within the bounds', async () => {
    const connector = keepConnected(NAME, { backOff: { minMs: 2, maxMs: 8 } })
    const retries = retriesOf(connector)
    await eventually(() => retries.length >= 12)
    await connector.close()
    for (const [index, { error, attempt, delayMs }] of retries.entries()) {
      expect(error).toMatchObject({ code: ErrorCode.NOT_LISTENING })
      expect(attempt).toBe(index + 1)
      expect(delayMs).toBeLessThanOrEqual(Math.min(8, 2 ** (index + 1)))
    }
    // Twelve equal numbers are not random.
    expect(new Set(retries.map(({ delayMs }) => delayMs)).size).toBeGreaterThan(1)
  })

  it('ends with an error that another attempt would repeat', async () => {
    const server = await listen(NAME, { codec: 'json' })
    const connector = keepConnected(NAME, { codec: 'bytes' })
    const retries = retriesOf(connector)
    const [error] = (await once(connector, 'close')) as [Error]
    expect(error).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    expect(retries).toEqual([])
    await server.close()
  })

  it.each(['connecting', 'waiting', 'connected'])(
    'ends at once, in order, when it is closed while %s',
    async (when) => {
      const server = when === 'waiting' ? undefined : await listen(NAME)
      server?.on('channel', () => {})
      const connector = keepConnected(NAME, { backOff: { minMs: 3_600_000, maxMs: 3_600_000 } })
      const closes: unknown[] = []
      connector.on('close', (error) => closes.push(error))
      if (when === 'waiting') await once(connector, 'retry')
      if (when === 'connected') await nextChannel(connector)
      await connector.close()
      await connector.close()
      await eventually(() => closes.length > 0)
      expect(closes).toEqual([undefined])
      expect(connector.channel).toBeUndefined()
      await server?.close()
    },
  )

  it.each(['removes all listeners', 'has a listener of close that throws'])(
    'connects again if the user %s',
    async (what) => {
      const server = await listen(NAME)
      const served: Channel[] = []
      server.on('channel', (channel) => served.push(channel))
      const connector = keepConnected(NAME, { backOff: { minMs: 1, maxMs: 5 } })
      const channel = await nextChannel(connector)
      if (what === 'removes all listeners') channel.removeAllListeners()
      else
        channel.prependListener('close', () => {
          throw new Error('no')
        })
      await eventually(() => served.length === 1)
      const next = nextChannel(connector)
      const thrown = await collectUncaught(async () => {
        served[0]?.destroy()
        expect((await next).open).toBe(true)
      })
      expect(thrown).toHaveLength(what === 'removes all listeners' ? 0 : 1)
      await connector.close()
      await server.close()
    },
  )

  it('ends with ABORTED when it is closed with an aborted signal', async () => {
    const server = await listen(NAME)
    server.on('channel', () => {})
    const connector = keepConnected(NAME)
    const channel = await nextChannel(connector)
    await expect(connector.close({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
    })
    expect(channel.open).toBe(false)
    await server.close()
  })

  it('continues when it is closed with invalid options', async () => {
    const server = await listen(NAME)
    server.on('channel', (channel) => channel.handle((value) => value))
    const connector = keepConnected(NAME)
    const channel = await nextChannel(connector)
    await expect(connector.close({ timeoutMs: -1 })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
    expect(await channel.request('still there')).toBe('still there')
    await connector.close()
    await server.close()
  })

  it('is destroyed with its channel', async () => {
    const server = await listen(NAME)
    server.on('channel', (channel) => channel.handle(() => new Promise(() => {})))
    const connector = keepConnected(NAME)
    const channel = await nextChannel(connector)
    const reply = channel.request('never answered')
    connector.destroy()
    await expect(reply).rejects.toMatchObject({ code: ErrorCode.CLOSED })
    expect((await once(connector, 'close'))[0]).toBeUndefined()
    await server.close()
  })

  it.each([
    [{ signal: new AbortController().signal }, 'signal'],
    [{ backOff: 5 }, 'backOff'],
    [{ backOff: { minMs: 0 } }, 'backOff.minMs'],
    [{ backOff: { minMs: 50, maxMs: 20 } }, 'backOff.maxMs'],
    [{ backOff: { maxMs: Number.NaN } }, 'backOff.maxMs'],
    [{ backOff: { minMs: '5' } }, 'backOff.minMs'],
    [{ backOff: { minMs: true, maxMs: 10 } }, 'backOff.minMs'],
    [{ backOff: { maxMs: [3_000] } }, 'backOff.maxMs'],
    [{ backOff: { min: 5 } }, 'unknown option "backOff.min"; did you mean "backOff.minMs"?'],
    [{ backof: { minMs: 5 } }, 'unknown option "backof"; did you mean "backOff"?'],
    [{ whenInUse: 'wait' }, '"whenInUse" is an option of listen only'],
    [null, 'options'],
    ['kept', 'options'],
    [{ ringBytes: 3 }, 'ringBytes'],
  ])('refuses the options %j', (options, named) => {
    const wrong = expect.objectContaining({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining(named) as string,
    }) as Error
    expect(() => keepConnected(NAME, options as object)).toThrow(wrong)
  })

  it.each([
    [{ minMs: 5n }, 'backOff.minMs'],
    [{ minMs: 5, maxMs: 5_000n }, 'backOff.maxMs'],
    [{ minMs: Symbol('often') }, 'backOff.minMs'],
  ])('refuses a back-off that is not a number', (backOff, named) => {
    expect(() => keepConnected(NAME, { backOff: backOff as object })).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining(named) as string,
      }) as Error,
    )
  })

  it('refuses an invalid address', () => {
    expect(() => keepConnected('no/such name')).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error,
    )
  })
})
