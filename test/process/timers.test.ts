import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { beforeAll, expect, it } from 'vitest'
import { listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** Each must happen this often during the flood. If they starve, the test does not end. */
const TICKS = 50
const ECHOES = 50
const FLOODERS = 2

beforeAll(() => ensureBuilt())

it.each([
  ['shm', 0],
  ['shm', 64],
  ['shm', 200_000],
  ['socket', 0],
  ['socket', 64],
  ['socket', 200_000],
] as const)(
  'runs timers and serves other sockets during a flood over %s of messages of %i bytes',
  async (transport, bytes) => {
    ownRuntimeDirectory()
    const server = await listen('flooded', { transport, codec: 'bytes' })
    let received = 0
    server.on('channel', (channel) => {
      channel.on('message', () => {
        received += 1
      })
    })
    const flooders = Array.from(
      { length: FLOODERS },
      () => new Child('flood', { args: ['flooded', transport, bytes] }),
    )
    while (server.channels.size < flooders.length) await once(server, 'channel')

    const echoServer = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(echoServer, 'listening')
    const client = connectTcp((echoServer.address() as AddressInfo).port, '127.0.0.1')
    let echoes = 0
    const echoed = new Promise<void>((resolve) => {
      client.on('data', () => {
        echoes += 1
        if (echoes === ECHOES) resolve()
        else client.write('.')
      })
      client.write('.')
    })
    let ticks = 0
    const before = received
    const ticked = new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        ticks += 1
        if (ticks < TICKS) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
    await Promise.all([echoed, ticked])
    // The flood continued until now.
    expect(received - before).toBeGreaterThan(TICKS)

    client.destroy()
    echoServer.close()
    await server.close({ timeoutMs: 5_000 }).catch(() => {})
  },
)
