import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ChannelSocket, channelDuplex, createConnection } from '../../src/adapter/stream.js'
import { type LocalAddress, parseAddress } from '../../src/address.js'
import { ErrorCode, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { errnoOf } from '../support/errno.js'
import { expectNoChannels } from '../support/heap.js'
import { localAddress } from '../support/local-address.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { closed, readAll } from '../support/socket-of-channels.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const KILLS = 10
const KILL_DELAY_MS_MAX = 40
const ROUNDS = 50
const SOCKETS_PER_ROUND = 20

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

async function startServer(behaviour: string): Promise<Child> {
  const server = new Child('stream-server', { args: ['bytes', behaviour] })
  expect(await server.next()).toBe('listening')
  return server
}

async function connected(options?: Parameters<typeof createConnection>[1]): Promise<ChannelSocket> {
  const socket = createConnection('bytes', options)
  await once(socket, 'connect')
  return socket
}

describe('createConnection', () => {
  it('connects to another process, and writes before that are sent', async () => {
    const server = await startServer('echo')
    const socket = createConnection('bytes')
    expect([socket.connecting, socket.pending, socket.readyState, socket.peer]).toEqual([
      true,
      true,
      'opening',
      undefined,
    ])
    socket.end('before the connection')
    const ready = once(socket, 'ready')
    expect(String(await readAll(socket))).toBe('before the connection')
    await ready
    expect([socket.connecting, socket.pending, socket.peer?.pid]).toEqual([false, false, server.process.pid])
    expect([socket.remoteAddress, socket.address()]).toEqual([undefined, {}])
  })

  it('emits ECONNREFUSED with the address when no server listens', async () => {
    const failure = await closed(createConnection('nobody'))
    expect(failure).toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: 'nobody',
      errno: errnoOf('ECONNREFUSED'),
    })
    expect(failure?.cause).toMatchObject({ code: ErrorCode.NOT_LISTENING })
    expect(failure?.message).toMatch(/^connect ECONNREFUSED nobody: /)
  })

  it('emits ETIMEDOUT when the server does not answer within timeoutMs', async () => {
    const { address, stop } = await silentServer()
    const failure = await closed(createConnection(address, { timeoutMs: 20 }))
    expect(failure).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect' })
    await stop()
  })

  it('emits other errors of connect as they are', async () => {
    expect(await closed(createConnection('not a name'))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })

  it.each([
    [{ codec: 'json' }, /unknown option "codec"/],
    [{ ringByte: 1 }, /did you mean "ringBytes"/],
    [{ allowHalfOpen: 1 }, /allowHalfOpen is 1; it must be true or false/],
  ])('rejects the options %j', (options, message) => {
    expect(() => createConnection('bytes', options as object)).toThrow(message)
  })

  it('is aborted by destroy, without an error', async () => {
    const { address, stop, accepted } = await silentServer()
    const socket = createConnection(address)
    const server = await accepted
    socket.destroy()
    await once(server, 'close')
    expect(await closed(socket)).toBeUndefined()
    expect([socket.connecting, socket.readyState]).toEqual([false, 'closed'])
    await stop()
  })

  it('closes a socket that is destroyed in the turn of its creation', async () => {
    await startServer('echo')
    expect(await closed(createConnection('bytes').destroy())).toBeUndefined()
    const mine = new Error('mine')
    expect(await closed(createConnection('bytes').destroy(mine))).toBe(mine)
    expect(await closed(createConnection('bytes').resetAndDestroy())).toBeUndefined()
  })
})

describe('a stream between processes', () => {
  it('keeps the bytes before a kill of the peer in mid-transfer, and then is ECONNRESET', async () => {
    const random = randomFrom(newSeed('kills in mid-transfer'))
    for (let kill = 0; kill < KILLS; kill += 1) {
      const server = await startServer('flood')
      const socket = await connected()
      let wrong = 0
      socket.on('data', (chunk: Buffer) => {
        if (!chunk.every((byte) => byte === 7)) wrong += 1
      })
      const failure = closed(socket)
      await once(socket, 'data')
      await sleep(integerFrom(random, 1, KILL_DELAY_MS_MAX))
      await server.kill()
      expect(await failure).toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
      expect(wrong).toBe(0)
    }
  })

  it('fails a waiting write when the peer is killed', async () => {
    const server = await startServer('swallow')
    const socket = await connected()
    const written = new Promise((resolve) => {
      socket.write(Buffer.alloc(10_000_000), resolve)
    })
    const failure = closed(socket)
    await server.kill()
    expect(['EPIPE', 'ECONNRESET']).toContain((await failure)?.code)
    expect(await written).toBeInstanceOf(Error)
  })

  it('delivers what a process sent before it destroyed its socket and ended', async () => {
    const server = await listen('bytes', { codec: 'bytes' })
    const accepted = once(server, 'channel')
    const client = new Child('stream-client', { args: ['bytes', 'destroy'] })
    const [channel] = await accepted
    const socket = channelDuplex(channel)
    // The ring of the client has room for all of it before it grows, so its process can end before this side reads.
    expect((await client.ended).code).toBe(0)
    expect((await readAll(socket)).length).toBe(50 * 1024)
    expect(await closed(socket)).toBeUndefined()
    await server.close()
  })

  it('delivers the first write of a turn although process.exit follows, and then is ECONNRESET', async () => {
    const server = await listen('bytes', { codec: 'bytes' })
    const accepted = once(server, 'channel')
    const client = new Child('stream-client', { args: ['bytes', 'exit'] })
    const [channel] = await accepted
    const socket = channelDuplex(channel)
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += String(chunk)
    })
    expect(await closed(socket)).toMatchObject({ code: 'ECONNRESET' })
    expect([received, (await client.ended).code]).toEqual(['last words', 0])
    await server.close()
  })

  it('lets the process end when its socket is unreferenced', async () => {
    await startServer('swallow')
    const client = new Child('stream-client', { args: ['bytes', 'unref'] })
    expect(await client.next()).toBe('connected')
    expect((await client.ended).code).toBe(0)
  })
})

describe('thousands of sockets', () => {
  it.each(['shm', 'socket'] as const)('leave nothing behind over %s', async (transport) => {
    const server = await listen('many', { codec: 'bytes', ringBytes: 64 * 1024, transport })
    server.on('channel', (channel) => {
      const socket = channelDuplex(channel)
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    const round = async (): Promise<void> => {
      const one = async (index: number): Promise<void> => {
        const socket = createConnection('many', { ringBytes: 64 * 1024, transport })
        socket.on('error', () => {})
        if (index % 4 === 0) socket.end('question')
        else socket.write('question')
        if (index % 4 === 1) socket.once('data', () => socket.destroy())
        if (index % 4 === 2) socket.once('data', () => socket.resetAndDestroy())
        if (index % 4 === 3) socket.once('connect', () => socket.destroy())
        socket.resume()
        await new Promise((resolve) => {
          socket.once('close', resolve)
        })
      }
      await Promise.all(Array.from({ length: SOCKETS_PER_ROUND }, (_, index) => one(index)))
    }
    await round()
    await expect.poll(() => server.channels.size).toBe(0)
    const before = await resourcesOnceCollected()
    for (let count = 0; count < ROUNDS; count += 1) await round()
    await expect.poll(() => server.channels.size, { timeout: 30_000 }).toBe(0)
    await expectResources(before)
    await expectNoChannels()
    await server.close()
  })
})

interface SilentServer {
  readonly address: string
  readonly accepted: Promise<Socket>
  readonly stop: () => Promise<void>
}

/** Accepts connections and never answers. */
async function silentServer(): Promise<SilentServer> {
  const address = localAddress(directory, 'silent.sock')
  const { path } = parseAddress(address) as LocalAddress
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.resume().on('error', () => {}))
  }).listen(path)
  const accepted = new Promise<Socket>((resolve) => {
    server.once('connection', resolve)
  })
  await once(server, 'listening')
  return {
    address,
    accepted,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
