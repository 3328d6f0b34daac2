import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, ErrorCode, listen, type Server } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { countFromEnvironment, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const TERMINATIONS = 20
const ENVIRONMENTS = 12
/** At any moment of a worker's life; a worker takes about 100 ms to start. */
const TERMINATIONS_ANYWHERE = countFromEnvironment('SHMWIRE_TERMINATIONS', 30)
const LIFE_MS_MAX = 150
const WARM_UP = 5
const OPTIONS = { codec: 'bytes', ringBytes: 64 * 1024 } as const

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

function startWorker(role: string, address: string, transport: string, count = 0): Worker {
  return new Worker(new URL('./children/worker.mjs', import.meta.url), {
    workerData: { role, address, transport, count },
    env: { ...process.env, SHMWIRE_DIR: directory },
  })
}

async function nextMessage(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, 'message')) as [unknown]
  return message
}

function nextChannel(server: Server): Promise<Channel> {
  return new Promise((resolve) => {
    server.once('channel', resolve)
  })
}

async function expectEcho(channel: Channel, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const question = Buffer.alloc(index % 20_000, index & 0xff)
    if (!question.equals(await channel.request<Buffer>(question)))
      throw new Error(`question ${index} was answered wrongly`)
  }
}

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  it('keeps two channels between the same two processes separate', async () => {
    const server = new Child('busy-server', { args: ['pair', transport], ipc: true })
    expect(await server.next()).toBe('listening')
    const channels = await Promise.all([
      connect('pair', { transport, ...OPTIONS }),
      connect('pair', { transport, ...OPTIONS }),
    ])
    await Promise.all(channels.map((channel) => expectEcho(channel, 500)))
    channels[0].destroy()
    await expectEcho(channels[1], 100)
    await channels[1].close()
  })

  it('connects a process to itself through several channels', async () => {
    const server = await listen('self', { transport, ...OPTIONS })
    server.on('channel', (channel) => channel.handle((value) => value))
    const channels = await Promise.all(
      Array.from({ length: 5 }, () => connect('self', { transport, ...OPTIONS })),
    )
    for (const channel of channels)
      expect(channel.transport).toBe(transport === 'shm' ? 'shm' : SOCKET_TRANSPORT)
    await Promise.all(channels.map((channel) => expectEcho(channel, 200)))
    await server.close()
    for (const channel of channels) expect(channel.open).toBe(false)
  })

  it('connects two worker threads', async () => {
    const server = startWorker('serve', 'workers', transport)
    expect(await nextMessage(server)).toBe('listening')
    const clients = [
      startWorker('ask', 'workers', transport, 500),
      startWorker('ask', 'workers', transport, 500),
    ]
    for (const outcome of await Promise.all(clients.map(nextMessage))) {
      expect(outcome).toEqual({ right: 500, transport: transport === 'shm' ? 'shm' : SOCKET_TRANSPORT })
    }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    server.postMessage('stop')
    expect(await once(server, 'exit')).toEqual([0])
  })

  it(`runs ${ENVIRONMENTS} worker threads at once, each with both ends of a channel`, async () => {
    const workers = Array.from({ length: ENVIRONMENTS }, (_, index) =>
      startWorker('both', `env${index}`, transport, 100),
    )
    const outcomes = await Promise.all(workers.map(nextMessage))
    for (const outcome of outcomes)
      expect(outcome).toEqual({ right: 200, transport: transport === 'shm' ? 'shm' : SOCKET_TRANSPORT })
  })

  it(`reports PEER_GONE and frees all resources when a sending worker is terminated, ${TERMINATIONS} times`, async () => {
    const random = randomFrom(newSeed('terminate'))
    const server = await listen('terminated', { transport, ...OPTIONS })
    const round = async (): Promise<number> => {
      const connected = nextChannel(server)
      const worker = startWorker('send for ever', 'terminated', transport)
      const channel = await connected
      const codeOf = (error: { code: string }): string => error.code
      const asked = channel.request(Buffer.alloc(1)).then(() => 'answered', codeOf)
      let received = 0
      let fault: string | undefined
      const read = async (): Promise<string> => {
        for await (const bytes of channel) {
          const message = bytes as Buffer
          const [number, fill] = [message.readUInt32LE(), message.subarray(4)]
          if (number !== received || !fill.every((byte) => byte === (number & 0xff)))
            fault ??= `message ${received} is ${number}`
          received += 1
        }
        return 'closed in order'
      }
      const reading = read().catch(codeOf)
      await sleep(random() * 30)
      await worker.terminate()
      expect(await reading).toBe(ErrorCode.PEER_GONE)
      expect(fault).toBeUndefined()
      // The worker has no handler, so the request waits for one until the worker ends.
      expect(await asked).toBe(ErrorCode.PEER_GONE)
      return received
    }
    let received = await round()
    await sleep(100)
    const before = await resourcesOnceCollected()
    for (let count = 1; count < TERMINATIONS; count += 1) received += await round()
    expect(received).toBeGreaterThan(0)
    await expectResources(before)
    await server.close()
  })

  it(
    `frees all resources of a worker that is terminated at any step of its channels, ${TERMINATIONS_ANYWHERE} times`,
    async () => {
      const random = randomFrom(newSeed('terminate anywhere'))
      const server = await listen('host', { transport, ...OPTIONS })
      let opened = 0
      let closed = 0
      server.on('channel', (channel) => {
        opened += 1
        channel.handle((value) => value)
        channel.on('message', () => {})
        channel.on('close', () => {
          closed += 1
        })
      })
      let before = await resourcesOnceCollected()
      for (let count = 0; count < TERMINATIONS_ANYWHERE; count += 1) {
        const worker = startWorker('come and go', 'host', transport)
        const ended = once(worker, 'exit')
        // Not sooner: if a worker is terminated while it loads its modules, Node leaves their files open.
        await nextMessage(worker)
        await sleep(random() * LIFE_MS_MAX)
        await worker.terminate()
        await ended
        await eventually(() => server.channels.size === 0 && closed === opened)
        if (count === WARM_UP) {
          await sleep(100)
          before = await resourcesOnceCollected()
        }
      }
      expect(opened).toBeGreaterThan(0)
      await expectResources(before)
      // A new server replaces the files of a terminated worker, like those of a process.
      const successor = await listen('host-own', { transport, ...OPTIONS })
      await successor.close()
      await server.close()
    },
    60_000 + TERMINATIONS_ANYWHERE * 1_000,
  )

  it('reports PEER_GONE to the client and frees the name when a serving worker is terminated', async () => {
    const worker = startWorker('serve', 'short', transport)
    expect(await nextMessage(worker)).toBe('listening')
    const channel = await connect('short', { transport, ...OPTIONS })
    await expectEcho(channel, 10)
    const closed = new Promise<Error | undefined>((resolve) => {
      channel.once('close', resolve)
    })
    await worker.terminate()
    expect(await closed).toMatchObject({ code: ErrorCode.PEER_GONE })
    const successor = await listen('short', { transport, ...OPTIONS })
    await successor.close()
  })
})
