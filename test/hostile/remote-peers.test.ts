import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { HALF_OPEN_PER_OWNER_MAX } from '../../src/control/handshake.js'
import { ErrorCode } from '../../src/errors.js'
import { listen, type Server } from '../../src/listen.js'
import type { ChannelOptions } from '../../src/options.js'
import { encodeFrame, FrameKind } from '../../src/wire/frames.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import { sharedCertificate } from '../support/certificates.js'
import { HELLO, RawPeer } from '../support/raw-peer.js'
import { eventually } from '../support/turns.js'

const OPTIONS = {
  tcp: { authorize: () => true },
  tls: { tls: sharedCertificate() },
} satisfies Record<string, ChannelOptions>
const NO_BYTES = Buffer.alloc(0)

const servers: Server[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    for (const channel of server.channels) channel.destroy()
    await server.close()
  }
})

async function serve(kind: keyof typeof OPTIONS): Promise<Server> {
  const server = await listen(`${kind}://127.0.0.1:0`, OPTIONS[kind])
  servers.push(server)
  server.on('channel', (channel) => channel.handle((message) => message))
  return server
}

async function dial(server: Server): Promise<Socket> {
  const socket = createConnection(Number(server.address.split(':').at(-1)), '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}

/** An honest client gets an answer. */
async function expectService(server: Server, kind: keyof typeof OPTIONS): Promise<void> {
  const channel = await connect(server.address, OPTIONS[kind])
  expect(await channel.request('x')).toBe('x')
  await channel.close()
}

/** A peer with a complete handshake, and the channel of the server to it. */
async function joinRaw(server: Server): Promise<{ peer: RawPeer; channel: Channel; end: Promise<unknown> }> {
  const peer = new RawPeer(await dial(server))
  const accepted = once(server, 'channel') as Promise<[Channel]>
  peer.preamble().send('HELLO', HELLO)
  expect(await peer.find(FrameKind.OFFER)).toMatchObject({ transport: 'socket' })
  peer.send('READY')
  const [channel] = await accepted
  return { peer, channel, end: new Promise((resolve) => channel.once('close', resolve)) }
}

describe('before the handshake', () => {
  it.each([
    ['a flood of zeros', [Buffer.alloc(1_000_000)]],
    ['another protocol', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
    ['a frame beyond its limit', [encodeFrame(FrameKind.HELLO, 0, Buffer.alloc(65_537, 0x20))]],
    ['a frame of a channel', [encodeFrame(RecordKind.MESSAGE, 0, Buffer.alloc(10))]],
    ['a heartbeat of the wrong interval', [helloWith({ heartbeatTimeoutMs: 5 })]],
  ])('ends a connection with %s, and serves the next client', async (what, chunks) => {
    const server = await serve('tcp')
    const peer = new RawPeer(await dial(server))
    if (!/zeros|protocol/.test(what)) peer.preamble()
    for (const chunk of chunks) peer.write(chunk)
    await peer.closed()
    expect(server.channels.size).toBe(0)
    await expectService(server, 'tcp')
  })

  it.each(['tcp', 'tls'] as const)(
    'ends the oldest of too many silent connections of one address over %s, and serves a client',
    async (kind) => {
      const server = await serve(kind)
      const excess = 40
      let closed = 0
      let text = ''
      for (let count = 0; count < HALF_OPEN_PER_OWNER_MAX + excess; count += 1) {
        const socket = await dial(server)
        socket.once('close', () => {
          closed += 1
        })
        socket.setEncoding('latin1').on('data', (chunk) => {
          text += chunk
        })
        // Half of a record of TLS, and half a preamble of shmwire.
        socket.write(kind === 'tls' ? Buffer.from([0x16, 3, 1, 0]) : 'SHM')
      }
      await eventually(() => closed >= excess)
      // Not only by the limit of time.
      if (kind === 'tcp') expect(text).toContain('the server ended its oldest open handshake')
      await expectService(server, kind)
    },
  )
})

describe('after the handshake', () => {
  it('stays open and serves others during a flood of heartbeats', async () => {
    const server = await serve('tcp')
    const { peer, channel } = await joinRaw(server)
    const flood = Buffer.concat(
      Array.from({ length: 5_000 }, () => encodeFrame(RecordKind.HEARTBEAT, 0, NO_BYTES)),
    )
    for (let round = 0; round < 100; round += 1) peer.write(flood)
    await expectService(server, 'tcp')
    peer.write(encodeFrame(RecordKind.REQUEST, 7, Buffer.from([0xa1, 0x78])))
    await eventually(() => channel.stats().messagesReceived === 1)
    expect(channel.open).toBe(true)
    expect(channel.stats().messagesReceived).toBe(1)
  })

  it.each([
    ['a heartbeat with a payload', [encodeFrame(RecordKind.HEARTBEAT, 0, Buffer.alloc(1))]],
    ['an end with a payload', [encodeFrame(RecordKind.END, 0, Buffer.alloc(1))]],
    [
      'a message after the end',
      [encodeFrame(RecordKind.END, 0, NO_BYTES), encodeFrame(RecordKind.MESSAGE, 0, Buffer.from([1]))],
    ],
    ['two ends', [encodeFrame(RecordKind.END, 0, NO_BYTES), encodeFrame(RecordKind.END, 0, NO_BYTES)]],
    ['a record longer than maxMessageBytes', [encodeFrame(RecordKind.MESSAGE, 0, Buffer.alloc(1_025))]],
    ['a frame of the handshake', [encodeFrame(FrameKind.HELLO, 0, Buffer.from('{}'))]],
  ])('ends the channel with CORRUPT at %s', async (_what, frames) => {
    const server = await serve('tcp')
    const { peer, end } = await joinRaw(server)
    for (const frame of frames) peer.write(frame)
    expect(await end).toMatchObject({ code: ErrorCode.CORRUPT })
    await expectService(server, 'tcp')
  })

  it('ends the channel with PEER_GONE at the end of the stream inside a frame', async () => {
    const server = await serve('tcp')
    const { peer, channel, end } = await joinRaw(server)
    peer.write(encodeFrame(RecordKind.MESSAGE, 0, Buffer.alloc(100)).subarray(0, 50))
    peer.socket.end()
    expect(await end).toMatchObject({ code: ErrorCode.PEER_GONE })
    expect(channel.stats().messagesReceived).toBe(0)
  })
})

function helloWith(members: object): Buffer {
  return encodeFrame(FrameKind.HELLO, 0, Buffer.from(JSON.stringify({ ...HELLO, ...members })))
}
