import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnapshotAnswers } from '../../../src/control/snapshot-answers.js'
import { ErrorCode } from '../../../src/errors.js'
import { announce, type ListenOptions, listen, type Server } from '../../../src/listen.js'
import { stopMeasuring } from '../../../src/observe/event-loop.js'
import { register } from '../../../src/observe/registry.js'
import type { WaitOptions } from '../../../src/options.js'
import { FrameParser } from '../../../src/wire/frame-parser.js'
import { controlBound, encodeControlFrame, encodeFrame, FrameKind } from '../../../src/wire/frames.js'
import { HELLO, RawPeer } from '../../support/raw-peer.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'

let directory = ''
let server: Server
const peers: RawPeer[] = []
beforeEach(() => {
  directory = ownRuntimeDirectory()
})
afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy()
  await server.close()
  stopMeasuring()
})

async function start(options: ListenOptions & WaitOptions = {}): Promise<void> {
  server = await listen('observed', options)
}

async function connectRaw(port?: number): Promise<RawPeer> {
  const socket =
    port === undefined
      ? createConnection(join(directory, 'observed.sock'))
      : createConnection(port, '127.0.0.1')
  await once(socket, 'connect')
  const peer = new RawPeer(socket)
  peers.push(peer)
  return peer
}

async function described(
  port?: number,
): Promise<{ peer: RawPeer; first: Record<string, unknown> | undefined }> {
  const peer = (await connectRaw(port)).preamble().send('DESCRIBE', { pid: process.pid })
  return { peer, first: await peer.find(FrameKind.DESCRIPTION) }
}

describe('a process of the same user that observes a server', () => {
  it('gets the counters of the process, as often as it asks', async () => {
    await start()
    const { peer, first } = await described()
    await described()
    expect(first).toMatchObject({ observe: true })
    for (let count = 0; count < 3; count += 1) {
      expect(await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)).toMatchObject({
        version: 1,
        process: { pid: process.pid },
        // Without the one that asks.
        servers: [{ address: 'observed', observers: 1 }],
      })
    }
    expect(server.channels.size).toBe(0)
  })

  it('still gets the description after each change', async () => {
    await start()
    const { peer } = await described()
    await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)
    announce(server, { services: [{ name: 'late', hash: undefined }] })
    expect(await peer.find(FrameKind.DESCRIPTION)).toMatchObject({
      services: [{ name: 'late' }],
      observe: true,
    })
    expect(await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)).toMatchObject({ version: 1 })
  })

  it('gets a changed description after a snapshot that it reads slowly', async () => {
    await start()
    const { peer } = await described()
    peer.socket.pause()
    peer.send('OBSERVE')
    await new Promise((resolve) => setTimeout(resolve, 50))
    announce(server, { services: [{ name: 'late', hash: undefined }] })
    peer.socket.resume()
    expect(await peer.find(FrameKind.DESCRIPTION)).toMatchObject({ services: [{ name: 'late' }] })
  })

  it.each<[string, (peer: RawPeer) => void]>([
    ['asks again before it has the answer', (peer) => peer.send('OBSERVE').send('OBSERVE')],
    [
      'asks twice at once',
      (peer) =>
        peer.write(
          Buffer.concat([
            encodeControlFrame(FrameKind.OBSERVE, {}),
            encodeControlFrame(FrameKind.OBSERVE, {}),
          ]),
        ),
    ],
    [
      'sends a part of OBSERVE',
      (peer) => peer.write(encodeControlFrame(FrameKind.OBSERVE, {}).subarray(0, 13)),
    ],
    [
      'sends a header without its payload',
      (peer) => peer.write(encodeFrame(FrameKind.OBSERVE, 0, Buffer.alloc(9)).subarray(0, 12)),
    ],
    [
      'sends flags',
      (peer) => {
        const frame = encodeControlFrame(FrameKind.OBSERVE, {})
        frame.writeUInt16LE(1, 6)
        peer.write(frame)
      },
    ],
    [
      'sends an OBSERVE that is too long',
      (peer) => peer.write(encodeFrame(FrameKind.OBSERVE, 0, Buffer.alloc(65_537))),
    ],
    ['sends a SNAPSHOT', (peer) => peer.send('SNAPSHOT')],
    ['sends a HELLO', (peer) => peer.send('HELLO', HELLO)],
  ])('loses its connection if it %s', async (_what, misbehave) => {
    await start()
    const { peer } = await described()
    misbehave(peer)
    await peer.closed()
    const next = await described()
    expect(await next.peer.send('OBSERVE').find(FrameKind.SNAPSHOT)).toMatchObject({ version: 1 })
  })

  it('loses its connection if OBSERVE follows DESCRIBE at once', async () => {
    await start()
    const peer = (await connectRaw()).preamble()
    peer.write(
      Buffer.concat([
        encodeControlFrame(FrameKind.DESCRIBE, { pid: 1 }),
        encodeControlFrame(FrameKind.OBSERVE, {}),
      ]),
    )
    await peer.closed()
  })

  it('is refused if it begins with OBSERVE', async () => {
    await start()
    const peer = (await connectRaw()).preamble().send('OBSERVE')
    expect(await peer.find(FrameKind.SNAPSHOT)).toBeUndefined()
  })

  it('gets the reason if the counters cannot be read, and the server continues', async () => {
    await start()
    const owner = {}
    const end = register('cells', owner, () => {
      throw new Error('broken counter')
    })
    // An older snapshot can serve all who ask within some time.
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { peer } = await described()
    const message = expect.stringContaining('broken counter') as string
    expect(await peer.send('OBSERVE').find(FrameKind.REJECT)).toEqual({
      code: ErrorCode.UNAVAILABLE,
      message,
    })
    end()
    expect(await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)).toMatchObject({ version: 1 })
  })

  it('waits between two snapshots', async () => {
    await start()
    const { peer } = await described()
    const beginMs = performance.now()
    for (let count = 0; count < 4; count += 1) await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)
    expect(performance.now() - beginMs).toBeGreaterThan(250)
  })
})

/** Rows for more than the buffers of the kernel. */
function manyRows(): readonly object[] {
  const name = 'x'.repeat(400)
  const owners = Array.from({ length: 1_000 }, () => ({}))
  for (const owner of owners) register('cells', owner, () => ({ address: '', name, version: 1, watchers: 0 }))
  return owners
}

describe('a snapshot that is not read', () => {
  it('costs its client the connection after some seconds', async () => {
    await start()
    const owners = manyRows()
    const { peer } = await described()
    // An older snapshot can serve all who ask within some time.
    await new Promise((resolve) => setTimeout(resolve, 200))
    peer.socket.pause()
    const beginMs = performance.now()
    peer.send('OBSERVE')
    await new Promise((resolve) => setTimeout(resolve, 5_500))
    peer.socket.resume()
    await peer.closed()
    expect(performance.now() - beginMs).toBeGreaterThan(5_000)
    expect(owners).toHaveLength(1_000)
  })

  it('is one of a limited number', () => {
    const streams: Duplex[] = []
    const refused: number[] = []
    for (let index = 0; index < 40; index += 1) {
      // Its reader takes nothing.
      const stream = new Duplex({ read: () => {}, write: () => {} })
      const answers = new SnapshotAnswers(stream, new FrameParser(controlBound([])))
      stream.once('close', () => answers.close())
      streams.push(stream)
      answers.received(encodeControlFrame(FrameKind.OBSERVE, {}), () => {})
      if (stream.destroyed) refused.push(index)
    }
    expect(refused).toEqual([32, 33, 34, 35, 36, 37, 38, 39])
    for (const stream of streams) stream.destroy()
  })
})

describe('a server shows no counters', () => {
  it('with the option observe: false', async () => {
    await start({ observe: false })
    const { peer, first } = await described()
    expect(first?.['observe']).toBeUndefined()
    expect(await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)).toBeUndefined()
  })

  it('over TCP, whatever authorize accepts', async () => {
    server = await listen('tcp://127.0.0.1:0', { authorize: () => true })
    const port = Number(server.address.split(':').at(-1))
    const { peer, first } = await described(port)
    expect(first).toMatchObject({ services: [] })
    expect(first?.['observe']).toBeUndefined()
    expect(await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)).toBeUndefined()
  })
})
