import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import type { ClientCallPayload } from '../../../src/observe/diagnostics-payloads.js'
import { type ChannelPool, channelPool } from '../../../src/service/channel-pool.js'
import type { ClientMembers } from '../../../src/service/client.js'
import { type RunningService, serve } from '../../../src/service/serve.js'
import { type TestClient, testClient } from '../../support/services.js'
import { eventually } from '../../support/turns.js'

let count = 0
const services: RunningService[] = []
const pools: ChannelPool[] = []
const clients: ClientMembers[] = []

afterEach(async () => {
  for (const one of clients.splice(0)) await one.$close({ timeoutMs: 1_000 }).catch(() => {})
  for (const pool of pools.splice(0)) await pool.close({ timeoutMs: 1_000 }).catch(() => {})
  for (const service of services.splice(0)) await service.close({ timeoutMs: 1_000 })
})

function address(): string {
  count += 1
  return `channel-pool-${process.pid}-${count}`
}

async function served(name: string, version = 1): Promise<RunningService> {
  const service = await serve(name, { version: () => version, hang: () => new Promise(() => {}) })
  services.push(service)
  return service
}

function pooled(): ChannelPool {
  const pool = channelPool({ backOff: { minMs: 1, maxMs: 20 } })
  pools.push(pool)
  return pool
}

async function open(
  pool: ChannelPool,
  name: string,
  options: Parameters<typeof testClient>[1] = {},
): Promise<TestClient<'version' | 'hang'>> {
  const made = await testClient<'version' | 'hang'>(pool.at(name), options)
  clients.push(made)
  return made
}

describe('channelPool', () => {
  it('gives all clients of an address one channel, also those that connect at the same time', async () => {
    const name = address()
    const { server } = await served(name)
    const pool = pooled()
    const opened = await Promise.all(Array.from({ length: 20 }, () => open(pool, name)))
    opened.push(await open(pool, name))
    expect(new Set(opened.map(({ $channel }) => $channel)).size).toBe(1)
    expect(await Promise.all(opened.map((one) => one.version()))).toEqual(opened.map(() => 1))
    expect(server?.channels.size).toBe(1)
    expect(pool.size).toBe(1)
  })

  it('opens one channel for each address', async () => {
    const [left, right] = [address(), address()]
    await Promise.all([served(left, 1), served(right, 2)])
    const pool = pooled()
    const opened = [await open(pool, left), await open(pool, right)]
    expect(await Promise.all(opened.map((one) => one.version()))).toEqual([1, 2])
    expect(pool.size).toBe(2)
    expect(pool.at(left).address).toBe(left)
  })

  it('closes the channel with its last client, and opens another one for a later client', async () => {
    const name = address()
    const { server } = await served(name)
    const pool = pooled()
    const [first, second] = [await open(pool, name), await open(pool, name)]
    const channel = first.$channel
    await first.$close()
    await first.$close()
    expect(channel?.open).toBe(true)
    await expect(first.version()).rejects.toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
    expect(await second.version()).toBe(1)
    await second.$close()
    expect(channel?.open).toBe(false)
    expect(pool.size).toBe(0)
    await eventually(() => server?.channels.size === 0)
    const third = await open(pool, name)
    expect(await third.version()).toBe(1)
    expect(third.$channel).not.toBe(channel)
  })

  it('connects all clients again when the server has ended', async () => {
    const name = address()
    const first = await served(name, 1)
    const pool = pooled()
    const opened = [
      await open(pool, name, { whenUnavailable: 'wait' }),
      await open(pool, name, { whenUnavailable: 'wait' }),
      await open(pool, name),
    ]
    for (const channel of first.server?.channels ?? []) channel.destroy()
    await first.close()
    await eventually(() => opened[2]?.$channel === undefined)
    await expect(opened[2]?.version()).rejects.toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
    const waiting = opened.slice(0, 2).map((one) => one.version())
    const second = await served(name, 2)
    expect(await Promise.all(waiting)).toEqual([2, 2])
    expect(await opened[2]?.version()).toBe(2)
    expect(second.server?.channels.size).toBe(1)
  })

  it('fails the open calls of all clients when the channel dies', async () => {
    const name = address()
    const { server } = await served(name)
    const pool = pooled()
    const opened = [await open(pool, name), await open(pool, name)]
    const calls = opened.map((one) => one.hang())
    await eventually(() => [...(server?.channels ?? [])].length === 1)
    for (const channel of server?.channels ?? []) channel.destroy()
    for (const call of calls) await expect(call).rejects.toMatchObject({ status: 'UNAVAILABLE' })
  })

  it('rejects a client of an address without a server, and keeps no connection for it', async () => {
    const pool = pooled()
    await expect(open(pool, address())).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    expect(pool.size).toBe(0)
  })

  it('rejects a second client while the first one waits for a server, which continues', async () => {
    const name = address()
    const pool = pooled()
    const waiting = open(pool, name, { waitForServer: true })
    await expect(open(pool, name)).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    expect(pool.size).toBe(1)
    await served(name)
    expect(await (await waiting).version()).toBe(1)
  })

  it('ends all clients when it is closed, and takes no further ones', async () => {
    const name = address()
    await served(name)
    const pool = pooled()
    const [first, second] = [await open(pool, name), await open(pool, name)]
    await pool.close()
    for (const one of [first, second])
      await expect(one.version()).rejects.toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
    await expect(open(pool, name)).rejects.toMatchObject({ code: ErrorCode.INVALID_STATE })
  })

  it('closes without an error although the server ends meanwhile', async () => {
    const name = address()
    const { server } = await served(name)
    const pool = pooled()
    const one = await open(pool, name)
    const call = one.hang()
    await eventually(() => server?.channels.size === 1)
    const closing = pool.close()
    for (const channel of server?.channels ?? []) channel.destroy()
    await expect(call).rejects.toMatchObject({ status: 'UNAVAILABLE' })
    await expect(closing).resolves.toBeUndefined()
  })

  it('reports its addresses to the diagnostics channels of calls', async () => {
    const name = address()
    await served(name)
    const one = await open(pooled(), name)
    const seen: unknown[] = []
    const subscriber = { start: (payload: unknown) => seen.push((payload as ClientCallPayload).address) }
    const calls = tracingChannel('shmwire:client.call')
    calls.subscribe(subscriber as never)
    await one.version()
    calls.unsubscribe(subscriber as never)
    expect(seen).toEqual([name])
  })

  it('lets the process end only if no client keeps it alive', async () => {
    const name = address()
    await served(name)
    const pool = pooled()
    const [first, second] = [await open(pool, name), await open(pool, name)]
    const calls: string[] = []
    const channel = first.$channel as unknown as Record<'ref' | 'unref', () => void>
    for (const method of ['ref', 'unref'] as const) channel[method] = () => calls.push(method)
    first.$unref()
    expect(calls.at(-1)).toBe('ref')
    second.$unref()
    expect(calls.at(-1)).toBe('unref')
    first.$ref()
    expect(calls.at(-1)).toBe('ref')
    first.$unref()
    await first.$close()
    expect(calls.at(-1)).toBe('unref')
  })

  it('rejects bad arguments', async () => {
    expect(() => pooled().at(7 as never)).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
    )
    await expect(open(channelPool({ backOff: { minMs: 0 } }), address())).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
    await expect(testClient(pooled().at(address()), { channel: {} })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })
})
