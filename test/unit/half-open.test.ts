import { once } from 'node:events'
import { createConnection, createServer, type Server as NetServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { ErrorCode } from '../../src/errors.js'
import { listen, type Server } from '../../src/listen.js'
import type { ChannelOptions } from '../../src/options.js'
import { sharedCertificate } from '../support/certificates.js'
import { eventually, turns } from '../support/turns.js'

vi.mock('../../src/host.js', async () => ({
  ...(await import('../support/global-host.js')),
  newAbortController: () => new AbortController(),
  timeOfDayMs: () => 0,
}))

const OPTIONS = {
  tcp: { authorize: () => true },
  tls: { tls: sharedCertificate() },
} satisfies Record<string, ChannelOptions>

/** Forwards bytes between a client and a server until `stop`, and then drops them without an end. */
class LossyProxy {
  readonly #server: NetServer
  readonly #sockets: Socket[] = []
  #stopped = false

  constructor(target: number) {
    // Nagle's algorithm would delay signs of life by 40 ms, in which minutes of the fake clock pass.
    this.#server = createServer({ noDelay: true }, (near) => {
      const far = createConnection({ port: target, host: '127.0.0.1', noDelay: true })
      this.#sockets.push(near, far)
      this.#forward(near, far)
      this.#forward(far, near)
    })
  }

  async listen(): Promise<number> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return (this.#server.address() as { port: number }).port
  }

  stop(): void {
    this.#stopped = true
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #forward(from: Socket, to: Socket): void {
    from.on('error', () => {})
    from.on('data', (bytes) => {
      if (this.#stopped || to.write(bytes)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
    from.on('end', () => this.#stopped || to.end())
  }
}

/** Lets a time pass for timers, and turns for sockets after each step. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    vi.advanceTimersByTime(500)
    await turns(5)
  }
}

describe.each(['tcp', 'tls'] as const)('over %s', (kind) => {
  let server: Server
  let proxy: LossyProxy
  let channels: Channel[]
  let ends: (string | undefined)[]

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    server = await listen(`${kind}://localhost:0`, { ...OPTIONS[kind], heartbeat: { intervalMs: 1_000 } })
    proxy = new LossyProxy(Number(server.address.split(':').at(-1)))
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const client = await connect(`${kind}://localhost:${await proxy.listen()}`, OPTIONS[kind])
    channels = [client, (await accepted)[0]]
    ends = []
    for (const channel of channels)
      channel.on('close', (error) => ends.push((error as { code?: string })?.code))
  })

  afterEach(async () => {
    vi.useRealTimers()
    for (const channel of channels) channel.destroy()
    proxy.close()
    await server.close()
  })

  it('keeps idle channels open, although the two sides have other intervals', async () => {
    await pass(60_000)
    expect(ends).toEqual([])
    expect(channels.map((channel) => channel.open)).toEqual([true, true])
    expect(channels.map((channel) => channel.stats().messagesReceived)).toEqual([0, 0])
  })

  it('ends both channels with PEER_GONE when the connection is lost without an end', async () => {
    await pass(2_000)
    const request = expect(channels[0]?.request('x')).rejects.toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: 'the peer is gone: nothing arrived from it for 15000 ms',
    })
    proxy.stop()
    await pass(2_500)
    // The server has 3 s, and notices it at its next second.
    expect(ends).toEqual([])
    await pass(2_000)
    expect(ends).toEqual([ErrorCode.PEER_GONE])
    await pass(20_000)
    expect(ends).toEqual([ErrorCode.PEER_GONE, ErrorCode.PEER_GONE])
    await request
  })

  it('does not end a channel whose messages wait for a consumer', async () => {
    const [client, served] = channels as [Channel, Channel]
    const message = 'x'.repeat(100_000)
    let sent = 0
    for (let refusals = 0; refusals < 50; ) {
      if (client.trySend(message)) {
        sent += 1
        refusals = 0
      } else {
        refusals += 1
        await turns(2)
      }
    }
    await pass(60_000)
    expect(ends).toEqual([])
    let received = 0
    served.on('message', () => {
      received += 1
    })
    await eventually(() => received === sent)
  })
})
