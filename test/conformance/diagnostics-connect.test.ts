import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { listServers } from '../../src/discovery/list-servers.js'
import { fromStream } from '../../src/from-stream.js'
import { keepConnected } from '../../src/keep-connected.js'
import { type ListenOptions, listen, type Server } from '../../src/listen.js'
import type { ChannelOptions } from '../../src/options.js'
import { client } from '../../src/service/client.js'
import { serve } from '../../src/service/serve.js'
import { localAddress } from '../support/local-address.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { eventsOf, FAILURE, observed, observedTraces, SUCCESS } from '../support/observed.js'
import { joinDuplexes } from '../support/stream-pairs.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { tunnelChannels, webSocketChannels } from '../support/tunnel-pairs.js'
import { eventually } from '../support/turns.js'

const open: { destroy(): void }[] = []
const servers: Server[] = []

afterEach(async () => {
  for (const one of open.splice(0)) one.destroy()
  for (const server of servers.splice(0)) await server.close({ timeoutMs: 1_000 }).catch(() => {})
})

async function listening(address: string, options: ListenOptions): Promise<Server> {
  const server = await listen(address, options)
  servers.push(server)
  return server
}

function kept<T extends { destroy(): void }>(one: T): T {
  open.push(one)
  return one
}

const newAddress = (): string => localAddress(ownRuntimeDirectory(), 'diagnostics')

const WAYS: readonly (readonly [transport: string, address: () => string, options: ChannelOptions])[] = [
  ['shm', newAddress, { transport: 'shm' }],
  ['unix', newAddress, { transport: 'socket' }],
  ['tcp', () => 'tcp://127.0.0.1:0', { authorize: () => true }],
]

describe.each(WAYS)('diagnostics of connections over %s', (transport, addressOf, options) => {
  // The connections with which a client identifies the server of a pipe are accepted too.
  const identifies = IS_WINDOWS && transport !== 'tcp'

  it.skipIf(identifies)('report a connection once on each side', async () => {
    const connects = observedTraces('shmwire:connect')
    const accepts = observedTraces('shmwire:accept')
    const fallbacks = observed('shmwire:channel.fallback')
    const server = await listening(addressOf(), options)
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const channel = kept(await connect(server.address, options))
    const [served] = await accepted
    await eventually(() => accepts.length === SUCCESS.length)
    for (const seen of [connects, accepts]) {
      expect(eventsOf(seen)).toEqual(SUCCESS)
      const attempt = seen === connects ? 1 : undefined
      expect(seen[0]?.payload).toEqual({ address: server.address, attempt, channel: undefined })
    }
    expect(connects[3]?.payload.channel).toBe(channel)
    expect(accepts[3]?.payload.channel).toBe(served)
    expect(channel.transport).toBe(IS_WINDOWS && transport === 'unix' ? 'pipe' : transport)
    if (transport === 'shm') expect(fallbacks).toEqual([])
    else {
      await eventually(() => fallbacks.length === 2)
      for (const { channel: one, reason } of fallbacks) expect(reason).toBe(one.fallbackReason)
      expect(new Set(fallbacks.map((payload) => payload.channel))).toEqual(new Set([channel, served]))
    }
  })

  it('report a connection that fails', async () => {
    const connects = observedTraces('shmwire:connect')
    const server = await listening(addressOf(), options)
    const { address } = server
    await server.close()
    const error = await connect(address, options).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(eventsOf(connects)).toEqual(FAILURE)
    expect(connects[4]?.payload).toEqual({ address, attempt: 1, channel: undefined, error })
  })

  it.skipIf(identifies)('report a client that a server refuses', async () => {
    const accepts = observedTraces('shmwire:accept')
    const server = await listening(addressOf(), { ...options, codec: 'json' })
    await expect(connect(server.address, { ...options, codec: 'bytes' })).rejects.toThrow('codec')
    await eventually(() => accepts.length === FAILURE.length)
    expect(eventsOf(accepts)).toEqual(FAILURE)
    expect(accepts[4]?.payload.error).toBeInstanceOf(Error)
  })

  it('report each attempt of a connector and a client', async () => {
    const connects = observedTraces('shmwire:connect')
    const calls = observedTraces('shmwire:client.call')
    const server = await listening(addressOf(), options)
    await serve(server, { echo: (value: unknown) => value })
    const connector = kept(keepConnected(server.address, options))
    await once(connector, 'channel')
    const users = await client(server.address, { channel: options })
    await users.$ping()
    expect(eventsOf(connects)).toEqual([...SUCCESS, ...SUCCESS])
    expect(calls[0]?.payload).toMatchObject({ address: server.address, method: '$ping', service: '' })
    expect(calls[0]?.payload.channel).toBe(users.$channel)
    await users.$close()
  })
})

describe('diagnostics of connections', () => {
  it('report a channel over a stream at both ends', async () => {
    const connects = observedTraces('shmwire:connect')
    const [left, right] = await joinDuplexes()
    const channels = await Promise.all([fromStream(left), fromStream(right)])
    for (const channel of channels) kept(channel)
    expect(eventsOf(connects).filter((event) => event === 'asyncEnd')).toHaveLength(2)
    expect(connects[0]?.payload.address).toBeUndefined()
    expect(new Set(connects.slice(-2).map(({ payload }) => payload.channel))).toContain(channels[1])
  })

  // Servers cannot be listed on Windows.
  it.skipIf(IS_WINDOWS)(
    'report a client that asks for the description of a server, without a channel',
    async () => {
      const directory = ownRuntimeDirectory()
      const accepts = observedTraces('shmwire:accept')
      await listening(localAddress(directory, 'described'), {})
      await listServers({ directory })
      await eventually(() => accepts.length === SUCCESS.length)
      expect(accepts[3]).toMatchObject({ event: 'asyncEnd', payload: { channel: undefined } })
    },
  )

  it.each([
    ['grpc', tunnelChannels],
    ['ws', webSocketChannels],
  ])('report a channel through a tunnel over %s', async (transport, tunnels) => {
    const { join, close } = await tunnels()
    try {
      const connects = observedTraces('shmwire:connect')
      const [channel] = await join({})
      kept(channel)
      expect(eventsOf(connects)).toEqual(SUCCESS)
      expect(connects[3]?.payload.address).toMatch(new RegExp(`^${transport}://127\\.0\\.0\\.1:`))
      expect(connects[3]?.payload.channel).toBe(channel)
    } finally {
      await close()
    }
  })
})
