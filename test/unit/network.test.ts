import { once } from 'node:events'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { ErrorCode } from '../../src/errors.js'
import { keepConnected } from '../../src/keep-connected.js'
import { type ListenOptions, listen, type Server } from '../../src/listen.js'
import type { ChannelOptions } from '../../src/options.js'
import { serve as serveService } from '../../src/service/serve.js'
import { encodeControlFrame, FRAME_HEADER_BYTES, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble, PREAMBLE_BYTES } from '../../src/wire/preamble.js'
import { Authority, sharedCertificate } from '../support/certificates.js'
import { textLogger } from '../support/line-logger.js'
import { eventually } from '../support/turns.js'

const authorize = () => true
const open: (Server | Channel | NetServer)[] = []
const authority = new Authority()

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await ('destroy' in one ? one.destroy() : one.close())
})
afterAll(() => authority.remove())

async function serve(address: string, options: ListenOptions): Promise<Server> {
  const server = await listen(address, options)
  open.push(server)
  server.on('channel', (channel) => channel.handle((message) => message))
  return server
}

async function join(server: Server, options: ChannelOptions): Promise<[Channel, Channel]> {
  const accepted = once(server, 'channel') as Promise<[Channel]>
  const client = await connect(server.address, options)
  open.push(client)
  return [client, (await accepted)[0]]
}

describe('tcp', () => {
  it.each(['tcp://127.0.0.1:0', 'tcp://[::1]:0', 'tcp://localhost:0'])(
    'reports the real port of %s, and carries requests',
    async (address) => {
      const server = await serve(address, { authorize })
      expect(server.address).toMatch(/^tcp:\/\/(127\.0\.0\.1|\[::1\]|localhost):[1-9]\d*$/)
      const [client, served] = await join(server, { authorize })
      expect(await client.request({ some: 'message' })).toEqual({ some: 'message' })
      for (const channel of [client, served]) {
        expect(channel.transport).toBe('tcp')
        expect(channel.fallbackReason).toContain("a channel over 'tcp' has none")
        expect(channel.peer).toMatchObject({ pid: undefined, uid: undefined, verified: false })
        expect(channel.peer.address).toMatch(/^(127\.0\.0\.1|::1)$/)
      }
    },
  )

  it('asks authorize of each side, with the address', async () => {
    const seen: unknown[] = []
    const server = await serve('tcp://127.0.0.1:0', {
      authorize: (peer) => {
        seen.push(peer)
        return false
      },
    })
    await expect(connect(server.address, { authorize })).rejects.toMatchObject({
      code: ErrorCode.DENIED,
      message: 'the peer refused: the option authorize did not return true for the peer at 127.0.0.1',
    })
    expect(seen).toMatchObject([{ address: '127.0.0.1', verified: false, pid: undefined }])
    const other = await serve('tcp://127.0.0.1:0', { authorize })
    await expect(connect(other.address, { authorize: () => false })).rejects.toMatchObject({
      code: ErrorCode.DENIED,
    })
  })

  it('fails with NAME_IN_USE while another program has the port, and takes it over with whenInUse', async () => {
    const first = await serve('tcp://127.0.0.1:0', { authorize })
    await expect(listen(first.address, { authorize })).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
    await expect(listen(first.address, { authorize, whenInUse: 'wait', timeoutMs: 5 })).rejects.toMatchObject(
      { code: ErrorCode.TIMEOUT },
    )
    const second = listen(first.address, { authorize, whenInUse: 'wait' })
    await first.close()
    const server = await second
    open.push(server)
    expect(server.address).toBe(first.address)
  })

  it('fails with NOT_LISTENING if no server has the port', async () => {
    const server = await listen('tcp://127.0.0.1:0', { authorize })
    await server.close()
    await expect(connect(server.address, { authorize })).rejects.toMatchObject({
      code: ErrorCode.NOT_LISTENING,
      message: expect.stringContaining(`at ${server.address};`) as string,
    })
  })

  it('names the host that is not known, with its port', async () => {
    await expect(connect('tcp://nosuch.invalid:7000', { authorize, insecure: true })).rejects.toMatchObject({
      code: ErrorCode.NOT_LISTENING,
      message: expect.stringContaining('the host of tcp://nosuch.invalid:7000 is not known') as string,
    })
  })

  it('names the address if no address of its host has a server', async () => {
    const server = await listen('tcp://localhost:0', { authorize })
    await server.close()
    await expect(connect(server.address, { authorize })).rejects.toMatchObject({
      message: `no server listens at ${server.address}; start the server first`,
    })
  })

  it('fails with VERSION at another protocol, and ends at its limit of time at a silent one', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    )
    open.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as { port: number }
    const address = `tcp://127.0.0.1:${port}`
    await expect(connect(address, { authorize })).rejects.toMatchObject({ code: ErrorCode.VERSION })
    server.removeAllListeners('connection')
    const accepted = once(server, 'connection') as Promise<[Socket]>
    await expect(connect(address, { authorize, timeoutMs: 50 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
    ;(await accepted)[0].destroy()
  })

  it('is kept connected after a restart of the server', async () => {
    const first = await serve('tcp://127.0.0.1:0', { authorize })
    const client = keepConnected(first.address, { authorize, backOff: { minMs: 1, maxMs: 5 } })
    await once(client, 'channel')
    await first.close()
    await eventually(() => client.channel === undefined)
    await serve(first.address, { authorize })
    const [channel] = (await once(client, 'channel')) as [Channel]
    expect(await channel.request(1)).toBe(1)
    await client.close()
  })
})

describe('tls', () => {
  it('verifies both sides, and gives each the certificate of the other', async () => {
    const server = await serve('tls://localhost:0', { tls: authority.sign('server') })
    const [client, served] = await join(server, { tls: authority.sign('client') })
    expect(await client.request('hello')).toBe('hello')
    expect(client.transport).toBe('tls')
    expect(client.peer).toMatchObject({ verified: true, certificate: { subject: { CN: 'server' } } })
    expect(served.peer).toMatchObject({ verified: true, certificate: { subject: { CN: 'client' } } })
  })

  it('passes the certificate to authorize', async () => {
    const server = await serve('tls://localhost:0', {
      tls: authority.sign('server'),
      authorize: (peer) => peer.verified && peer.certificate?.subject.CN === 'friend',
    })
    await join(server, { tls: authority.sign('friend') })
    await expect(connect(server.address, { tls: authority.sign('stranger') })).rejects.toMatchObject({
      code: ErrorCode.DENIED,
    })
  })

  describe('a client without a valid certificate', () => {
    const lines: string[] = []
    const logger = textLogger(lines, ['debug'])
    let asked = 0

    function serveStrictly(): Promise<Server> {
      lines.length = asked = 0
      return serve('tls://localhost:0', {
        tls: authority.sign('server'),
        logger,
        authorize: () => {
          asked += 1
          return true
        },
      })
    }

    it.each([
      ['has none', () => ({ ca: authority.ca }), 'has presented no certificate'],
      ['has one of another authority', () => ({ ...sharedCertificate(), ca: authority.ca }), '(UNABLE_TO_'],
      ['has an expired one', () => authority.sign('client', 'expired'), '(CERT_HAS_EXPIRED)'],
    ])('is refused with the reason, on both sides: it %s', async (_what, certificate, reason) => {
      const server = await serveStrictly()
      const accepted = vi.fn()
      server.on('channel', accepted)
      await expect(connect(server.address, { tls: certificate() })).rejects.toMatchObject({
        code: ErrorCode.DENIED,
        message: expect.stringContaining(reason) as string,
      })
      await eventually(() => lines.some((line) => line.includes(reason)))
      const client = keepConnected(server.address, { tls: certificate() })
      expect(await once(client, 'close')).toMatchObject([{ code: ErrorCode.DENIED }])
      expect([accepted.mock.calls.length, asked, server.channels.size]).toEqual([0, 0, 0])
    })

    it('is refused when it resumes a TLS session', async () => {
      const server = await serveStrictly()
      const port = Number(server.address.split(':').at(-1))
      const first = connectTls({ host: 'localhost', port, ca: authority.ca }).on('error', () => {})
      first.resume()
      const [session] = (await once(first, 'session')) as [Buffer]
      first.destroy()
      await expect(connect(server.address, { tls: { ca: authority.ca, session } })).rejects.toMatchObject({
        code: ErrorCode.DENIED,
        message: expect.stringContaining('has presented no certificate') as string,
      })
    })

    it('reaches no handler and no service, and gets nothing but the refusal', async () => {
      const server = await serveStrictly()
      const called = vi.fn(() => 'secret')
      server.on('channel', (channel) => channel.on('message', called))
      await serveService(server, { tell: called }, { name: 'secrets' })
      const port = Number(server.address.split(':').at(-1))
      const stranger = { ...sharedCertificate(), ca: authority.ca }
      const socket = connectTls({ ...stranger, host: 'localhost', port, rejectUnauthorized: false })
      const answer: Buffer[] = []
      socket.on('data', (chunk: Buffer) => answer.push(chunk)).on('error', () => {})
      const hello = { features: ['calls'], codec: 'msgpack', maxMessageBytes: 1_000_000, ringBytes: 65_536 }
      socket.write(encodePreamble())
      socket.write(
        encodeControlFrame(FrameKind.HELLO, { ...hello, transport: 'socket', shm: 'none', pid: 1 }),
      )
      socket.write(encodeControlFrame(FrameKind.READY, {}))
      socket.write(encodeControlFrame(FrameKind.DESCRIBE, { pid: 1 }))
      await once(socket, 'close')
      const refusal = Buffer.concat(answer).subarray(PREAMBLE_BYTES)
      expect(refusal.readUInt32LE(0)).toBe(refusal.length - FRAME_HEADER_BYTES)
      expect(JSON.parse(refusal.subarray(FRAME_HEADER_BYTES).toString())).toMatchObject({
        code: ErrorCode.DENIED,
      })
      expect([called.mock.calls.length, asked, server.channels.size]).toEqual([0, 0, 0])
    })
  })

  it('rejects certificates and keys that cannot be used', async () => {
    const [one, other] = [authority.sign('one'), authority.sign('other')]
    for (const tls of [
      { ...one, cert: 'not PEM' },
      { ...one, key: other.key },
      { ...one, ca: 7 },
    ] as object[]) {
      const refused = {
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining('the option tls for tls://localhost:') as string,
        cause: expect.any(Error) as Error,
      }
      await expect(listen('tls://localhost:0', { tls })).rejects.toMatchObject(refused)
      await expect(connect('tls://localhost:1', { tls })).rejects.toMatchObject(refused)
    }
  })

  it('fails with VERSION if one side has TLS and the other has not', async () => {
    const [plain, secure] = [
      await serve('tcp://127.0.0.1:0', { authorize }),
      await serve('tls://127.0.0.1:0', { tls: authority.sign('server') }),
    ]
    const client = authority.sign('client')
    await expect(connect(plain.address.replace('tcp:', 'tls:'), { tls: client })).rejects.toMatchObject({
      code: ErrorCode.VERSION,
      message: expect.stringContaining('does not speak TLS') as string,
    })
    // The TLS library can close without a byte.
    const error = await connect(secure.address.replace('tls:', 'tcp:'), { authorize }).catch(
      (reason) => reason,
    )
    expect([ErrorCode.VERSION, ErrorCode.PEER_GONE]).toContain(error.code)
    expect(error.message).toContain('tls:// address')
  })

  it('recognizes the alert of a TLS server', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 70])))
    })
    open.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as { port: number }
    await expect(connect(`tcp://127.0.0.1:${port}`, { authorize })).rejects.toMatchObject({
      code: ErrorCode.VERSION,
      message: expect.stringContaining('speaks TLS') as string,
    })
  })

  it('refuses a server of another authority, and one with another name', async () => {
    const server = await serve('tls://localhost:0', { tls: authority.sign('server') })
    const certificate = authority.sign('client')
    const { ca } = sharedCertificate()
    for (const tls of [
      { ...certificate, ca },
      { ...certificate, servername: 'example.org' },
    ])
      await expect(connect(server.address, { tls })).rejects.toMatchObject({
        code: ErrorCode.DENIED,
        message: expect.stringContaining('the TLS handshake failed: ') as string,
      })
  })

  it('accepts unknown clients only with authorize', async () => {
    const tls = { ...authority.sign('server'), requestCert: false }
    const server = await serve('tls://localhost:0', { tls, authorize })
    const [, served] = await join(server, { tls: { ca: authority.ca } })
    expect(served.peer).toMatchObject({ verified: false, certificate: undefined })
  })
})
