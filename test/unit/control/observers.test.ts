import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { announce, type ListenOptions, listen, type Server } from '../../../src/listen.js'
import type { WaitOptions } from '../../../src/options.js'
import { FrameKind } from '../../../src/wire/frames.js'
import { HELLO, RawPeer } from '../../support/raw-peer.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'

/** The most observers of one process. */
const OBSERVERS_MAX = 32

let directory = ''
let server: Server
const peers: RawPeer[] = []
beforeEach(() => {
  directory = ownRuntimeDirectory()
})
afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy()
  await server.close()
})

async function start(options: ListenOptions & WaitOptions = {}): Promise<void> {
  server = await listen('observed', options)
}

async function connectRaw(): Promise<RawPeer> {
  const socket = createConnection(join(directory, 'observed.sock'))
  await once(socket, 'connect')
  const peer = new RawPeer(socket)
  peers.push(peer)
  return peer
}

async function observe(): Promise<{ peer: RawPeer; first: Record<string, unknown> | undefined }> {
  const peer = (await connectRaw()).preamble().send('DESCRIBE', { pid: process.pid })
  return { peer, first: await peer.find(FrameKind.DESCRIPTION) }
}

describe('an observer of a server', () => {
  it('gets its description, and a further one when it announces services', async () => {
    await start()
    const before = Date.now()
    const { peer, first } = await observe()
    expect(first).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      pid: process.pid,
      services: [],
    })
    expect(first?.['startedAtMs']).toBeGreaterThan(before - 60_000)
    const services = [{ name: 'user.UserService', hash: 'abc' }]
    announce(server, { services })
    expect(await peer.find(FrameKind.DESCRIPTION)).toEqual({ ...first, services })
    expect((await observe()).first).toEqual({ ...first, services })
    expect(server.channels.size).toBe(0)
  })

  it('loses its connection when the server closes', async () => {
    await start()
    const { peer } = await observe()
    await server.close()
    await peer.closed()
  })

  it('is another one for each server, by the id', async () => {
    await start()
    const { first } = await observe()
    await server.close()
    await start()
    expect((await observe()).first?.['id']).not.toBe(first?.['id'])
  })

  it.each(['a byte', 'a HELLO', 'a second DESCRIBE'])('loses its connection after %s', async (what) => {
    await start()
    const { peer } = await observe()
    if (what === 'a byte') peer.write('x')
    if (what === 'a HELLO') peer.send('HELLO', HELLO)
    if (what === 'a second DESCRIBE') peer.send('DESCRIBE', { pid: 1 })
    await peer.closed()
    expect((await observe()).first).toBeDefined()
  })

  it('loses its connection when bytes follow its DESCRIBE at once', async () => {
    await start()
    const peer = (await connectRaw()).preamble().send('DESCRIBE', { pid: 1 }).write('x')
    await peer.closed()
  })

  it('is refused by `authorize`, with the reason and without a description', async () => {
    await start({ authorize: () => false })
    const peer = (await connectRaw()).preamble().send('DESCRIBE', { pid: process.pid })
    await peer.readPreamble()
    expect(await peer.read()).toMatchObject({ kind: FrameKind.REJECT, message: { code: ErrorCode.DENIED } })
    expect(await peer.read()).toBe('closed')
  })

  it('is refused if its pid is not one', async () => {
    await start()
    const peer = (await connectRaw()).preamble().send('DESCRIBE', { pid: 0 })
    expect(await peer.find(FrameKind.DESCRIPTION)).toBeUndefined()
  })

  it('displaces the oldest one of its process when there are too many', async () => {
    await start()
    const first = await observe()
    for (let count = 1; count < OBSERVERS_MAX; count += 1) await observe()
    expect(first.peer.socket.destroyed).toBe(false)
    await observe()
    await first.peer.closed()
    announce(server, { services: [{ name: 'a', hash: undefined }] })
    const last = peers.at(-1) as RawPeer
    expect(await last.find(FrameKind.DESCRIPTION)).toMatchObject({ services: [{ name: 'a' }] })
  })

  it('loses its connection when it does not read, so that the server holds one description for it', async () => {
    await start()
    const { peer } = await observe()
    peer.socket.pause()
    const services = Array.from({ length: 128 }, (_, index) => ({
      name: `${index}`.padEnd(256, 'x'),
      hash: 'h',
    }))
    // More than the buffers of the kernel.
    for (let count = 0; count < 100; count += 1) {
      announce(server, { services })
      await new Promise((resolve) => setImmediate(resolve))
    }
    peer.socket.resume()
    await peer.closed()
  })
})

it('announces nothing that is not a service', async () => {
  await start()
  const services = [{ name: ' ', hash: undefined }]
  expect(() => announce(server, { services })).toThrow(
    expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error,
  )
})
