import { once } from 'node:events'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Connector, connect, keepConnected, listen, type Server } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

beforeAll(() => ensureBuilt())
beforeEach(() => {
  ownRuntimeDirectory()
})

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  it('a handler that waits for the close of its server gets its reply to the peer', async () => {
    const server = await listen('quits', { transport })
    server.on('channel', (channel) =>
      channel.handle(async () => {
        await server.close()
        return 'bye'
      }),
    )
    const [channel, other] = await Promise.all([
      connect('quits', { transport }),
      connect('quits', { transport }),
    ])
    await expect.poll(() => server.channels.size).toBe(2)
    const ends = [once(channel, 'close'), once(other, 'close'), once(server, 'close')]
    expect(await channel.request('quit')).toBe('bye')
    await Promise.all(ends)
  })

  it('a handler that waits for the close of its connector gets its reply to the peer', async () => {
    const server = await listen('asks', { transport })
    const reply = new Promise((resolve) => {
      server.on('channel', (channel) => resolve(channel.request('quit')))
    })
    const connector = keepConnected('asks', { transport })
    connector.on('channel', (channel) =>
      channel.handle(async () => {
        await connector.close()
        return 'bye'
      }),
    )
    const end = once(connector, 'close')
    expect(await reply).toBe('bye')
    await end
    await server.close()
  })

  it('a listener of close that comes after the end of a server or connector is called', async () => {
    const server: Server = await listen('ends', { transport })
    server.on('channel', () => {})
    const connector: Connector = keepConnected('ends', { transport })
    await once(connector, 'channel')
    for (const emitter of [connector, server]) {
      const end = once(emitter, 'close')
      await emitter.close()
      await end
      await once(emitter, 'close')
    }
  })
})
