// Clients that begin a handshake and then send nothing, and their effect on other clients.
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HALF_OPEN_PER_OWNER_MAX, SLOT_BOUNDS } from '../../src/control/handshake.js'
import { connect, ErrorCode, listen, type Server } from '../../src/index.js'
import { loadBinding } from '../../src/native/load-binding.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** Enough processes to hold every slot. */
const PROCESSES = SLOT_BOUNDS.slots / SLOT_BOUNDS.slotsPerOwner

let path = ''
let server: Server

beforeAll(() => ensureBuilt())

beforeEach(async () => {
  path = join(ownRuntimeDirectory(), 'quiet.sock')
  server = await listen('quiet')
  server.on('channel', (channel) => channel.handle((value) => value))
})

afterEach(() => server.close())

async function silent(count: number, stage: 'connect' | 'hello'): Promise<Child> {
  const child = new Child('silent', { args: [path, count, stage], ipc: true })
  expect(await child.next()).toBe('ready')
  return child
}

const native = loadBinding()
if ('unavailable' in native) console.log('skipped: npm run build:addon: the addon cannot be loaded')

describe.skipIf('unavailable' in native)('silent clients', () => {
  it('of one process do not exhaust shared memory for other processes', async () => {
    await silent(SLOT_BOUNDS.slotsPerOwner * PROCESSES, 'hello')
    const channel = await connect('quiet')
    expect(channel).toMatchObject({ transport: 'shm', fallbackReason: undefined })
    expect(await channel.request('well?')).toBe('well?')
    await channel.close()
  })

  it('of many processes make others fall back to the socket with the reason', async () => {
    await Promise.all(Array.from({ length: PROCESSES }, () => silent(SLOT_BOUNDS.slotsPerOwner, 'hello')))
    const [any, memory, socket] = await Promise.all([
      connect('quiet'),
      connect('quiet', { transport: 'shm' }).catch((error: unknown) => error),
      connect('quiet', { transport: 'socket' }),
    ])
    expect(socket.transport).toBe(SOCKET_TRANSPORT)
    const reason = expect.stringMatching(/no free handshake slot for \d+ ms: .* hold all 128/) as string
    // On a very slow machine the silent clients have already timed out, and slots are free.
    if (any.transport !== 'shm')
      expect(any).toMatchObject({ transport: SOCKET_TRANSPORT, fallbackReason: reason })
    if (memory instanceof Error)
      expect(memory).toMatchObject({ code: ErrorCode.UNAVAILABLE, message: reason })
    expect(await any.request('well?')).toBe('well?')
    await Promise.all([any.close(), socket.close()])
  })

  // A pipe does not identify its clients, so those of one process are not counted.
  it.skipIf(IS_WINDOWS)(
    'are replaced before HELLO by newer ones of their process, and others are served',
    async () => {
      const surplus = 50
      const child = await silent(HALF_OPEN_PER_OWNER_MAX + surplus, 'connect')
      const channel = await connect('quiet')
      expect(channel.transport).toBe('shm')
      let seen = { rejected: 0, closed: 0 }
      while (seen.closed < surplus) {
        child.send('count')
        seen = await child.next()
      }
      expect(seen.rejected).toBeGreaterThan(0)
      expect(seen.rejected).toBeLessThanOrEqual(surplus)
      await channel.close()
    },
  )
})
