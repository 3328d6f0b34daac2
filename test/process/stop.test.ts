import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, ErrorCode, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { expectNoChannels } from '../support/heap.js'
import { expectResources, resourcesOf, resourcesOnceCollected } from '../support/process-resources.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

/** Shorter than a stop, longer than each timed step of a link: spinning, naps, checks that the peer is alive. */
const TIMEOUT_MS = 150
const STOPPED_MS = 600
const MESSAGES = 4_000
const MESSAGE_BYTES = 1_000
const OPTIONS = { codec: 'bytes', ringBytes: 64 * 1024 } as const

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

function numbered(number: number): Buffer {
  const message = Buffer.alloc(MESSAGE_BYTES, number & 0xff)
  message.writeUInt32LE(number)
  return message
}

/** Stops a process while `body` runs, and continues it. */
async function whileStopped(child: Child, body: () => Promise<void>): Promise<void> {
  child.process.kill('SIGSTOP')
  const begunMs = performance.now()
  try {
    await body()
    await sleep(Math.max(0, STOPPED_MS - (performance.now() - begunMs)))
  } finally {
    child.process.kill('SIGCONT')
  }
}

async function startServer(transport: string): Promise<Child> {
  const server = new Child('busy-server', { args: ['host', transport], ipc: true })
  expect(await server.next()).toBe('listening')
  return server
}

/** Runs an exchange with a new server and checks that both sides free all resources. */
async function expectNothingLeft(
  transport: string,
  exchange: (server: Child) => Promise<void>,
): Promise<void> {
  const server = await startServer(transport)
  const [here, there] = [await resourcesOnceCollected(), resourcesOf(server.process.pid)]
  await exchange(server)
  await expectResources(here)
  await expectResources(there, server.process.pid)
  await expectNoChannels()
}

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  it('loses nothing, reports no death and times out single calls only while a server is stopped', async () => {
    await expectNothingLeft(transport, async (server) => {
      const channel = await connect('host', { transport, ...OPTIONS })
      let closes = 0
      channel.on('close', () => {
        closes += 1
      })
      let wrong = 0
      let received = 0
      channel.on('message', (message: Buffer) => {
        if (!message.equals(numbered(received))) wrong += 1
        received += 1
      })
      let sent = 0
      const sendAll = async (): Promise<void> => {
        for (; sent < MESSAGES; sent += 1) {
          await channel.send(numbered(sent))
          if (sent % 16 === 0) await sleep(0)
        }
      }
      const sending = sendAll()
      await eventually(() => received > 100)
      await whileStopped(server, async () => {
        const question = channel.request(Buffer.from('?'), { timeoutMs: TIMEOUT_MS })
        // Not `rejects`, which keeps the stack of its caller, and with it this channel.
        expect(await question.catch((error: { code: string }) => error.code)).toBe(ErrorCode.TIMEOUT)
        expect(channel.open).toBe(true)
        expect(sent).toBeLessThan(MESSAGES)
      })
      await sending
      await eventually(() => received === MESSAGES)
      expect(wrong).toBe(0)
      expect(await channel.request(Buffer.from('still there?'))).toEqual(Buffer.from('still there?'))
      expect(closes).toBe(0)
      await channel.close()
      expect(closes).toBe(1)
    })
  })

  it('continues in order after a client was stopped while it sent', async () => {
    const server = await listen('host', { transport, codec: 'bytes' })
    const accepted = new Promise<Channel>((resolve) => {
      server.once('channel', resolve)
    })
    const child = new Child('flood', { args: ['host', transport, MESSAGE_BYTES] })
    const channel = await accepted
    let received = 0
    channel.on('message', () => {
      received += 1
    })
    await eventually(() => received > 1_000)
    await whileStopped(child, async () => {
      const question = channel.request(Buffer.from('?'), { timeoutMs: TIMEOUT_MS })
      await expect(question).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    })
    const before = received
    await eventually(() => received > before + 1_000)
    expect(channel.open).toBe(true)
    expect(await channel.request(Buffer.from('?'))).toEqual(Buffer.from('?'))
    channel.destroy()
    await server.close()
  })

  it('keeps the name of a stopped server, which then serves the waiting client', async () => {
    const server = await startServer(transport)
    const waiting = await (async () => {
      let patient: Promise<Channel> | undefined
      await whileStopped(server, async () => {
        patient = connect('host', { transport, ...OPTIONS })
        const hasty = connect('host', { transport, ...OPTIONS, timeoutMs: TIMEOUT_MS })
        await expect(hasty).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
        await expect(listen('host', { transport })).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
      })
      return patient
    })()
    expect(await waiting?.request(Buffer.from('?'))).toEqual(Buffer.from('?'))
    await waiting?.close()
  })
})

it('keeps trying while the queue of connections of a stopped server is full, until timeoutMs', async () => {
  const server = await startServer('socket')
  const queued: Socket[] = []
  let patient: Promise<Channel> | undefined
  await whileStopped(server, async () => {
    queued.push(...(await fillQueue(join(directory, 'host.sock'))))
    const hasty = connect('host', { transport: 'socket', ...OPTIONS, timeoutMs: TIMEOUT_MS })
    await expect(hasty).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
      message: expect.stringMatching(/timeoutMs: 150; the server's queue of connections was full/) as string,
    })
    const stop = new AbortController()
    const aborted = connect('host', { transport: 'socket', ...OPTIONS, signal: stop.signal })
    setImmediate(() => stop.abort())
    await expect(aborted).rejects.toMatchObject({ code: ErrorCode.ABORTED })
    patient = connect('host', { transport: 'socket', ...OPTIONS, timeoutMs: 60_000 })
  })
  const channel = await patient
  for (const socket of queued) socket.destroy()
  expect(await channel?.request(Buffer.from('?'))).toEqual(Buffer.from('?'))
  await channel?.close()
})

/** Connects until connect(2) reports a full queue. */
async function fillQueue(path: string): Promise<Socket[]> {
  const queued: Socket[] = []
  for (;;) {
    const socket = createConnection(path)
    const code = await new Promise<string | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined))
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    if (code === 'EAGAIN') return queued
    expect(code).toBeUndefined()
    queued.push(socket)
  }
}

it('ends a blocking call to a stopped peer only by its timeout, and answers the next one', async () => {
  await expectNothingLeft('shm', async (server) => {
    const channel = await connect('host', { transport: 'shm', ...OPTIONS })
    const codeOf = (call: () => unknown): string => {
      try {
        return `returned ${String(call())}`
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    await whileStopped(server, async () => {
      expect(codeOf(() => channel.requestSync(Buffer.from('?'), TIMEOUT_MS))).toBe(ErrorCode.TIMEOUT)
      expect(codeOf(() => channel.receiveSync(TIMEOUT_MS))).toBe(ErrorCode.TIMEOUT)
      expect(channel.open).toBe(true)
    })
    expect(channel.requestSync(Buffer.from('and now?'))).toEqual(Buffer.from('and now?'))
    await channel.close()
  })
})
