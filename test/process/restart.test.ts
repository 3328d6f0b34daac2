import { readdirSync } from 'node:fs'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, ErrorCode, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { expectNoChannels } from '../support/heap.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const CLIENTS = 100
const RESTARTS = 3

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 } as const

  async function startServer(): Promise<Child> {
    const server = new Child('busy-server', { args: ['host', transport], ipc: true })
    expect(await server.next()).toBe('listening')
    return server
  }

  /** Awaits a reply for each client, and records each end of a channel. */
  async function connectAll(endings: string[]): Promise<Channel[]> {
    const channels = await Promise.all(Array.from({ length: CLIENTS }, () => connect('host', options)))
    for (const channel of channels)
      channel.on('close', (error) =>
        endings.push((error as { code?: string } | undefined)?.code ?? 'in order'),
      )
    const answers = await Promise.all(
      channels.map((channel, index) => channel.request<Buffer>(Buffer.from(`client ${index}`))),
    )
    expect(answers.map(String)).toEqual(channels.map((_, index) => `client ${index}`))
    return channels
  }

  it(`ends each of ${CLIENTS} clients once, which then connect again, when a server is killed and restarted ${RESTARTS} times`, async () => {
    const before = await resourcesOnceCollected()
    const round = async (): Promise<void> => {
      const server = await startServer()
      // The socket, its lease, and for shared memory the handover socket; no file of the killed server.
      const files = readdirSync(directory).toSorted()
      expect(files).toHaveLength(transport === 'shm' ? 3 : 2)
      const endings: string[] = []
      const channels = await connectAll(endings)
      const pending = Promise.allSettled(channels.map((channel) => channel.request(Buffer.alloc(300_000))))
      await server.kill()
      for (const outcome of await pending) {
        // The reply may have been in transit already.
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: ErrorCode.PEER_GONE })
      }
      await eventually(() => endings.length >= CLIENTS)
      expect(endings).toEqual(Array.from({ length: CLIENTS }, () => ErrorCode.PEER_GONE))
      expect(channels.filter((channel) => channel.open)).toEqual([])
    }
    for (let restart = 0; restart < RESTARTS; restart += 1) await round()
    const last = await listen('host', options)
    await last.close()
    expect(readdirSync(directory)).toEqual([])
    await expectResources(before)
    await expectNoChannels()
  })
})
