import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { encodeMessage } from '../../src/gateway/tunnel/tunnel-message.js'
import { connectTunnel } from '../../src/gateway/ws/ws-tunnel.js'
import { ensureBuilt } from '../support/build.js'
import { start, TunnelGatewayProcess, transfer } from '../support/tunnel-attacker.js'
import { eventually } from '../support/turns.js'

const MIB = 1024 * 1024
const GROWTH_BYTES_MAX = 100 * MIB
const MASK = Buffer.from([1, 2, 3, 4])
const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9 } as const

beforeAll(() => ensureBuilt())

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

function startGateway(options: object = {}): Promise<TunnelGatewayProcess> {
  return new TunnelGatewayProcess('ws', options).start()
}

function connectSocket({ port }: TunnelGatewayProcess): Socket {
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  sockets.push(socket)
  return socket
}

const UPGRADE = [
  'GET /prices HTTP/1.1',
  'host: localhost',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol: shmwire.v1',
]

/** The socket of a WebSocket that is open, whose frames the test writes itself. */
async function upgraded(gateway: TunnelGatewayProcess): Promise<Socket> {
  const socket = connectSocket(gateway)
  socket.write(`${UPGRADE.join('\r\n')}\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toMatch(/^HTTP\/1.1 101 /)
  return socket
}

/** The answer to an upgrade, whose connection then ends. */
async function statusOf(gateway: TunnelGatewayProcess): Promise<number> {
  const socket = connectSocket(gateway)
  socket.write(`${UPGRADE.join('\r\n')}\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return Number(answer.toString().split(' ')[1])
}

interface FrameOptions {
  readonly isFinal?: boolean
  readonly isMasked?: boolean
  /** Other than that of the payload. */
  readonly length?: number
}

function frame(
  opcode: number,
  payload: Buffer = Buffer.alloc(0),
  { isFinal = true, isMasked = true, length = payload.length }: FrameOptions = {},
): Buffer {
  const head = Buffer.alloc(10)
  head[0] = (isFinal ? 0x80 : 0) | opcode
  head[1] = (isMasked ? 0x80 : 0) | 127
  head.writeBigUInt64BE(BigInt(length), 2)
  // Control frames have a short length.
  const isShort = opcode >= Opcode.CLOSE
  if (isShort) head[1] = (isMasked ? 0x80 : 0) | length
  const masked = isMasked ? payload.map((byte, index) => byte ^ (MASK[index % 4] as number)) : payload
  return Buffer.concat([isShort ? head.subarray(0, 2) : head, isMasked ? MASK : Buffer.alloc(0), masked])
}

/** The code with which the gateway closes the WebSocket; undefined if it ends without one. */
async function closeCode(socket: Socket): Promise<number | undefined> {
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])))
  if (!socket.closed) await once(socket, 'close')
  // The last frame of the gateway: 0x88, the length 2, and the code.
  const at = received.lastIndexOf(Buffer.from([0x88, 2]))
  return at === -1 ? undefined : received.readUInt16BE(at + 2)
}

/** A new tunnel carries messages. */
async function expectService({ port }: TunnelGatewayProcess): Promise<void> {
  const channel = await connectTunnel(`ws://127.0.0.1:${port}/prices`, {
    codec: 'bytes',
    authorize: () => true,
    upgrade: false,
  })
  for (let count = 0; count < 20; count += 1) {
    const answered = once(channel, 'message')
    await channel.send(Buffer.from([count]))
    expect(await answered).toEqual([Buffer.from([count])])
  }
  await channel.close()
}

const begin = (): Buffer => frame(Opcode.BINARY, encodeMessage(start(randomBytes(16))))

describe('a gateway with WebSockets', () => {
  it.each<[string, number, Buffer[]]>([
    ['a text message', 1003, [frame(Opcode.TEXT, Buffer.from('hello'))]],
    ['a text that is not UTF-8', 1007, [frame(Opcode.TEXT, Buffer.from([0xff]))]],
    ['a frame without a mask', 1002, [frame(Opcode.BINARY, Buffer.from('x'), { isMasked: false })]],
    ['an unknown opcode', 1002, [frame(3)]],
    ['a continuation without a beginning', 1002, [frame(Opcode.CONTINUATION)]],
    ['a ping in fragments', 1002, [frame(Opcode.PING, Buffer.alloc(0), { isFinal: false })]],
    ['a reserved bit', 1002, [Buffer.from([0xc2, 0x80, 1, 2, 3, 4])]],
    ['a length beyond the bound', 1009, [frame(Opcode.BINARY, Buffer.alloc(0), { length: 80 * 1024 })]],
    ['a length of 2^53', 1009, [frame(Opcode.BINARY, Buffer.alloc(0), { length: 2 ** 53 })]],
    [
      'fragments beyond the bound',
      1009,
      [
        frame(Opcode.BINARY, Buffer.alloc(40 * 1024), { isFinal: false }),
        frame(Opcode.CONTINUATION, Buffer.alloc(40 * 1024)),
      ],
    ],
    ['an invalid close code', 1002, [frame(Opcode.CLOSE, Buffer.from([0, 1]))]],
  ])('ends the connection of a client that sends %s with %i', async (_what, code, frames) => {
    const gateway = await startGateway()
    const socket = await upgraded(gateway)
    for (const bytes of frames) socket.write(bytes)
    expect(await closeCode(socket)).toBe(code)
    const later = await upgraded(gateway)
    later.write(begin())
    await once(later, 'data')
    for (const bytes of frames) later.write(bytes)
    await once(later.resume(), 'close')
    await expectService(gateway)
  })

  it('ends connections whose first message is not a Start, and those without one', async () => {
    const gateway = await startGateway()
    const [wrong, silent] = [await upgraded(gateway), await upgraded(gateway)]
    wrong.write(frame(Opcode.BINARY, encodeMessage(transfer(0, Buffer.from('SH')))))
    // It is not silent for the heartbeat.
    const timer = setInterval(() => silent.write(frame(Opcode.PING)), 500)
    const ends = [closeCode(wrong), closeCode(silent)]
    expect(await Promise.all(ends)).toEqual([1000, 1000])
    clearInterval(timer)
    await expectService(gateway)
  })

  it('ends a message of too many fragments', async () => {
    const gateway = await startGateway()
    const socket = await upgraded(gateway)
    const fragments = Array.from({ length: 20_000 }, () =>
      frame(Opcode.CONTINUATION, Buffer.alloc(1), { isFinal: false }),
    )
    socket.write(Buffer.concat([frame(Opcode.BINARY, Buffer.alloc(1), { isFinal: false }), ...fragments]))
    socket.resume()
    if (!socket.closed) await once(socket, 'close')
    await expectService(gateway)
  })

  it('holds little memory for pings of a client that does not read, and serves others', async () => {
    const gateway = await startGateway()
    const socket = await upgraded(gateway)
    socket.write(begin())
    await once(socket, 'data')
    socket.pause()
    const before = await gateway.state()
    const pings = Buffer.concat(Array.from({ length: 1_000 }, () => frame(Opcode.PING, Buffer.alloc(100))))
    let written = 0
    const flood = async (): Promise<void> => {
      while (!socket.destroyed && written < 200 * MIB) {
        if (!socket.write(pings)) await eventually(() => socket.writableLength === 0 || socket.destroyed)
        written += pings.length
      }
    }
    const flooded = flood()
    await eventually(() => written > 20 * MIB || socket.destroyed)
    await expectService(gateway)
    expect((await gateway.state()).rss - before.rss).toBeLessThan(GROWTH_BYTES_MAX)
    socket.destroy()
    await flooded
  })

  it('gives up a client that does not answer its pings, and keeps the session for resumeMs', async () => {
    const gateway = await startGateway({ resumeMs: 500 })
    const socket = await upgraded(gateway)
    socket.write(begin())
    await once(socket, 'data')
    expect((await gateway.state()).sessions).toBe(1)
    await once(socket.resume(), 'close')
    while ((await gateway.state()).sessions > 0);
    await expectService(gateway)
  })

  it('serves others while 1,000 connections send their requests slowly or not at all', async () => {
    const gateway = await startGateway()
    const text = `${UPGRADE.join('\r\n')}\r\n`
    const slow = Array.from({ length: 1_000 }, (_, index) => {
      const socket = connectSocket(gateway)
      socket.write(text.slice(0, index % text.length))
      return socket
    })
    await Promise.all(slow.map((socket) => once(socket, 'connect')))
    await expectService(gateway)
    for (const socket of slow) socket.destroy()
  })

  it('refuses further connections of a host that has opened too many', async () => {
    const gateway = await startGateway({ maxSessions: 8 })
    const open = await Promise.all(Array.from({ length: 8 }, () => upgraded(gateway)))
    expect(await statusOf(gateway)).toBe(503)
    for (const one of open) one.destroy()
    // The gateway notices the ends soon.
    await eventually(() => open.every(({ closed }) => closed))
    while ((await statusOf(gateway)) !== 101);
    await expectService(gateway)
  })
})
