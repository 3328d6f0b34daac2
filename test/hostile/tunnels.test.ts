import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { connectTunnel as connectGrpc } from '../../src/gateway/grpc/grpc-tunnel.js'
import type { TunnelMessage } from '../../src/gateway/tunnel/tunnel-message.js'
import { connectTunnel as connectWebSocket } from '../../src/gateway/ws/ws-tunnel.js'
import { ensureBuilt } from '../support/build.js'
import {
  Attacker,
  type Carrier,
  endAttackers,
  LIMIT,
  start,
  TunnelGatewayProcess,
  transfer,
} from '../support/tunnel-attacker.js'

const MIB = 1024 * 1024
const NO_BYTES = Buffer.alloc(0)
/** More than the garbage collector leaves behind of what was ended. */
const GROWTH_BYTES_MAX = 100 * MIB

beforeAll(() => ensureBuilt())
afterEach(endAttackers)

const connect = (carrier: Carrier): typeof connectGrpc => (carrier === 'ws' ? connectWebSocket : connectGrpc)

describe.each<Carrier>(['grpc', 'ws'])('a gateway with tunnels over %s', (carrier) => {
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
    const gateway = await new TunnelGatewayProcess(carrier, {}).start()
    const attacker = new Attacker(gateway)
    expect(await attacker.begin()).toMatchObject({ kind: 'accepted' })
    for (const message of messages) attacker.send(message)
    let last: TunnelMessage | undefined
    for (let next = await attacker.next(); next !== undefined; next = await attacker.next()) last = next
    expect(last).toMatchObject({ kind: 'close', error: { code } })
    while ((await gateway.state()).sessions > 0);
  })

  it('bounds the sessions of one host, and still serves others afterwards', async () => {
    const gateway = await new TunnelGatewayProcess(carrier, { maxSessions: 8, resumeMs: 200 }).start()
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
    const gateway = await new TunnelGatewayProcess(carrier, { resumeMs: 50 }).start()
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
    const gateway = await new TunnelGatewayProcess(carrier, {}).start()
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
    const channel = await connect(carrier)(`${carrier}://127.0.0.1:${gateway.port}/prices`, {
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
