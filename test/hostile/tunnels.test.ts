import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { GrpcConnection } from '../../src/gateway/grpc/grpc-dial.js'
import { connectTunnel } from '../../src/gateway/grpc/grpc-tunnel.js'
import { decodeResponse, encodeMessage, type TunnelMessage } from '../../src/gateway/tunnel/tunnel-message.js'
import { resolveOptions } from '../../src/options.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MIB = 1024 * 1024
const LIMIT = 64 * 1024
const NO_BYTES = Buffer.alloc(0)
/** More than the garbage collector leaves behind of what was ended. */
const GROWTH_BYTES_MAX = 100 * MIB

beforeAll(() => ensureBuilt())

const connections: GrpcConnection[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy()
})

class Gateway {
  readonly child: Child
  port = 0

  constructor(options: object) {
    this.child = new Child('tunnel-gateway', {
      args: ['prices', JSON.stringify({ bufferBytes: LIMIT, windowBytes: LIMIT, ...options })],
      env: { SHMWIRE_DIR: temporaryDirectory() },
      ipc: true,
    })
  }

  async start(): Promise<this> {
    this.port = (await this.child.next<{ port: number }>()).port
    return this
  }

  async state(): Promise<{ sessions: number; rss: number }> {
    this.child.send('state')
    for (;;) {
      const state = await this.child.next<{ sessions?: number; rss: number }>()
      if (state.sessions !== undefined) return { ...state, sessions: state.sessions }
    }
  }
}

/** A client that sends any messages, valid or not. */
class Attacker {
  readonly connection: GrpcConnection
  readonly #received: TunnelMessage[] = []
  #wake: (() => void) | undefined
  #lost = false

  constructor({ port }: Gateway) {
    const text = `grpc://127.0.0.1:${port}`
    const settings = resolveOptions({ authorize: () => true })
    this.connection = new GrpcConnection(
      { address: { kind: 'tcp', host: '127.0.0.1', port, text }, settings },
      async () => ({}),
    )
    connections.push(this.connection)
    this.connection.events = {
      message: (bytes) => {
        this.#received.push(decodeResponse(bytes))
        this.#wake?.()
      },
      drain() {},
      lost: () => {
        this.#lost = true
        this.#wake?.()
      },
    }
  }

  send(message: TunnelMessage | Buffer): boolean {
    return this.connection.send(Buffer.isBuffer(message) ? message : encodeMessage(message))
  }

  /** The next message; undefined if the connection ended before. */
  async next(): Promise<TunnelMessage | undefined> {
    while (this.#received.length === 0 && !this.#lost)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.#received.shift()
  }

  async begin(session = randomBytes(16)): Promise<TunnelMessage | undefined> {
    this.send(start(session))
    return this.next()
  }
}

function start(session: Buffer): TunnelMessage {
  return { kind: 'start', session, name: 'prices', resume: false, bootId: '', received: 0, limit: LIMIT }
}

function transfer(position: number, data: Buffer, received = 0, limit = LIMIT): TunnelMessage {
  return { kind: 'transfer', position, data, end: false, received, limit }
}

describe('a gateway with tunnels', () => {
  const { CORRUPT, VERSION } = ErrorCode
  it.each<[string, ErrorCode, readonly (TunnelMessage | Buffer)[]]>([
    [
      'more bytes than its credit',
      CORRUPT,
      [transfer(0, Buffer.from('SH')), transfer(2, Buffer.alloc(LIMIT))],
    ],
    ['an acknowledgement of bytes that were not sent', CORRUPT, [transfer(0, NO_BYTES, 1_000_000)]],
    ['a lower limit', CORRUPT, [transfer(0, NO_BYTES, 0, 1)]],
    [
      'a position beyond 2^53',
      CORRUPT,
      [Buffer.from([0x12, 10, 0x08, ...Array<number>(8).fill(0xff), 0x7f])],
    ],
    ['bytes that are not a message', CORRUPT, [Buffer.alloc(1_000, 0xff)]],
    ['no bytes', CORRUPT, [NO_BYTES]],
    ['a second Start', CORRUPT, [start(randomBytes(16))]],
    ['another protocol', VERSION, [transfer(0, Buffer.from('GET / HTTP/1.1'))]],
  ])('ends the session of a client that sends %s with %s', async (_what, code, messages) => {
    const gateway = await new Gateway({}).start()
    const attacker = new Attacker(gateway)
    expect(await attacker.begin()).toMatchObject({ kind: 'accepted' })
    for (const message of messages) attacker.send(message)
    let last: TunnelMessage | undefined
    for (let next = await attacker.next(); next !== undefined; next = await attacker.next()) last = next
    expect(last).toMatchObject({ kind: 'close', error: { code } })
    while ((await gateway.state()).sessions > 0);
  })

  it('bounds the sessions of one host, and still serves others afterwards', async () => {
    const gateway = await new Gateway({ maxSessions: 8, resumeMs: 200 }).start()
    const attackers = Array.from({ length: 10 }, () => new Attacker(gateway))
    const answers = await Promise.all(attackers.map((attacker) => attacker.begin()))
    expect(answers.filter((answer) => answer?.kind === 'accepted').length).toBe(4)
    expect(answers.find((answer) => answer?.kind === 'close')).toMatchObject({
      error: { code: ErrorCode.UNAVAILABLE },
    })
    for (const { connection } of attackers) connection.destroy()
    while ((await gateway.state()).sessions > 0);
    expect(await new Attacker(gateway).begin()).toMatchObject({ kind: 'accepted' })
  })

  it('uses little memory for sessions that end and begin all the time, with bytes that are not read', async () => {
    const gateway = await new Gateway({ resumeMs: 50 }).start()
    const before = await gateway.state()
    for (let round = 0; round < 300; round += 1) {
      const attacker = new Attacker(gateway)
      const answer = await attacker.begin()
      if (answer?.kind === 'accepted') attacker.send(transfer(0, Buffer.alloc(LIMIT / 2)))
      attacker.connection.destroy()
    }
    const after = await gateway.state()
    expect(after.rss - before.rss).toBeLessThan(GROWTH_BYTES_MAX)
  })

  it('serves other clients during a flood of messages without bytes', async () => {
    const gateway = await new Gateway({}).start()
    const attacker = new Attacker(gateway)
    await attacker.begin()
    const flood = { on: true }
    const send = async (): Promise<void> => {
      while (flood.on) {
        for (let count = 0; count < 200 && attacker.send(transfer(0, Buffer.alloc(0))); count += 1);
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const flooded = send()
    const before = await gateway.state()
    const channel = await connectTunnel(`grpc://127.0.0.1:${gateway.port}/prices`, {
      codec: 'bytes',
      authorize: () => true,
      upgrade: false,
    })
    for (let count = 0; count < 100; count += 1) {
      const answered = once(channel, 'message')
      await channel.send(Buffer.from([count]))
      expect(await answered).toEqual([Buffer.from([count])])
    }
    flood.on = false
    await flooded
    expect((await gateway.state()).rss - before.rss).toBeLessThan(GROWTH_BYTES_MAX)
    await channel.close()
  })
})
