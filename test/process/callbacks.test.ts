import { beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, ErrorCode, listen, type Server } from '../../src/index.js'
import { joinShmChannels } from '../support/channel-pairs.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'

const NAME = 'callbacks'

beforeEach(() => void ownRuntimeDirectory())

const fail = (): never => {
  throw new Error('no')
}

/** On Windows a client connects to the pipe once more, to identify the server. The server logs the end of each such connection. */
function expectOneLogLine(thrown: readonly unknown[]): void {
  expect(thrown.length).toBeGreaterThanOrEqual(1)
  if (!IS_WINDOWS) expect(thrown).toHaveLength(1)
}

describe.each(['shm', 'socket'] as const)('user callbacks of a server over %s', (transport) => {
  it('do not keep channels open if their close listeners throw when server.close times out', async () => {
    const server = await listen(NAME, { transport })
    const served: Channel[] = []
    server.on('channel', (channel) => {
      served.push(channel)
      channel.handle(() => new Promise(() => {}))
      channel.on('close', fail)
    })
    const clients: Channel[] = []
    for (let count = 0; count < 3; count += 1) {
      const client = await connect(NAME, { transport })
      client.request('never answered').catch(() => {})
      clients.push(client)
    }
    await eventually(() => served.filter((channel) => channel.stats().requestsRunning === 1).length === 3)
    const thrown = await collectUncaught(async () => {
      await expect(server.close({ timeoutMs: 20 })).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
      await eventually(() => clients.every((client) => !client.open))
      await turns(3)
    })
    expect(server.channels.size).toBe(0)
    expect(thrown).toHaveLength(3)
  })

  it('do not keep undelivered channels open if their close listeners throw at the end of a loop', async () => {
    const server = await listen(NAME, { transport })
    const loop = server[Symbol.asyncIterator]()
    const first = loop.next()
    const clients = [await connect(NAME, { transport })]
    const { value } = await first
    value?.on('close', fail)
    for (let count = 0; count < 3; count += 1) clients.push(await connect(NAME, { transport }))
    await eventually(() => server.channels.size === 4)
    for (const channel of server.channels) if (channel !== value) channel.on('close', fail)
    const thrown = await collectUncaught(async () => {
      await loop.return?.()
      await eventually(() => clients.filter((client) => client.open).length === 1)
      await turns(3)
    })
    expect(server.channels.size).toBe(1)
    expect(thrown).toHaveLength(3)
    value?.removeAllListeners()
    await server.close()
  })

  it.each([0, 1])(
    'receive close although a close listener of the server throws, with %i channels',
    async (count) => {
      const server = await listen(NAME, { transport })
      const seen: string[] = []
      server.on('channel', (channel) => channel.on('close', () => seen.push('served')))
      server.on('close', fail)
      if (count === 1) (await connect(NAME, { transport })).on('close', () => seen.push('client'))
      await eventually(() => server.channels.size === count)
      const thrown = await collectUncaught(async () => {
        await server.close()
        await eventually(() => seen.length === 2 * count)
        await turns(3)
      })
      expect(thrown).toHaveLength(1)
    },
  )

  it.each(['authorize', 'a codec that differs'])(
    'refuse a client by %s although the logger throws',
    async (by) => {
      const options = { transport, logger: { debug: fail, warn: fail, error: fail } }
      const server = await listen(NAME, by === 'authorize' ? { ...options, authorize: fail } : options)
      const code = by === 'authorize' ? ErrorCode.DENIED : ErrorCode.INVALID_ARGUMENT
      const thrown = await collectUncaught(async () => {
        await expect(
          connect(NAME, { transport, ...(by === 'authorize' ? {} : { codec: 'json' }) }),
        ).rejects.toMatchObject({
          code,
        })
        await eventually(() => server.channels.size === 0)
        await turns(3)
      })
      expectOneLogLine(thrown)
      await server.close()
    },
  )

  it('close the server from inside authorize', async () => {
    let server: Server | undefined
    let closed: Promise<void> | undefined
    const before = await resourcesOnceCollected()
    const authorize = (): boolean => {
      closed = server?.close()
      return true
    }
    server = await listen(NAME, { transport, authorize })
    let closes = 0
    server.on('close', () => {
      closes += 1
    })
    await expect(connect(NAME, { transport })).rejects.toMatchObject({
      code: expect.stringMatching(/PEER_GONE|CLOSED|DENIED|UNAVAILABLE/) as string,
    })
    await closed
    await expectResources(before)
    expect(closes).toBe(1)
  })

  it('abort a connection from inside the authorize of the client and free all resources', async () => {
    const server = await listen(NAME, { transport })
    server.on('channel', () => {})
    await turns(3)
    const before = await resourcesOnceCollected()
    const giveUp = new AbortController()
    const authorize = (): boolean => {
      giveUp.abort()
      return true
    }
    await expect(connect(NAME, { transport, signal: giveUp.signal, authorize })).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
    })
    await expectResources(before)
    await server.close()
  })
})

it('accepts a client without shared memory although the logger throws', async () => {
  const server = await listen(NAME, { logger: { debug: fail, warn: fail, error: fail } })
  server.on('channel', (channel) => channel.handle((value) => value))
  const thrown = await collectUncaught(async () => {
    const channel = await connect(NAME, { transport: 'socket' })
    expect(await channel.request(5)).toBe(5)
    await channel.close()
    await eventually(() => server.channels.size === 0)
    await turns(3)
  })
  // The begin of the channel, the reason of its transport, and its end; on Windows also two connections that identify the server.
  expect(thrown).toHaveLength(IS_WINDOWS ? 5 : 3)
  await server.close()
})

describe('a listener of messages that blocks', () => {
  const block: Record<string, (channel: Channel) => unknown> = {
    receiveSync: (channel) => channel.receiveSync(20),
    requestSync: (channel) => channel.requestSync('question', 20),
    sendSync: (channel) => {
      for (;;) channel.sendSync(Buffer.alloc(8000), 20)
    },
  }

  it.each(Object.keys(block))(
    'receives the reply and the close behind its batch in order, with %s',
    async (call) => {
      const [left, right] = await joinShmChannels({})
      const closes: unknown[] = []
      right.on('close', (error) => closes.push(error))
      let thrown: unknown
      right.on('messages', () => {
        try {
          block[call]?.(right)
        } catch (error) {
          thrown = error
        }
      })
      await turns(3)
      left.handle(() => {
        left.trySend('batch')
        void left.close()
        return 'reply'
      })
      expect(await right.request('first')).toBe('reply')
      await eventually(() => closes.length > 0)
      expect(closes).toEqual([undefined])
      expect(thrown).toMatchObject({ code: ErrorCode.CLOSED })
    },
  )
})
