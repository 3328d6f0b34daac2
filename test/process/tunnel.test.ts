import { once } from 'node:events'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { connectTunnel as connectGrpc } from '../../src/gateway/grpc/grpc-tunnel.js'
import type { TunnelOptions } from '../../src/gateway/tunnel/tunnel-channel.js'
import { connectTunnel as connectWebSocket } from '../../src/gateway/ws/ws-tunnel.js'
import type { WaitOptions } from '../../src/options.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { CuttingProxy } from '../support/cutting-proxy.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const CUTS = 20
const OPTIONS = { codec: 'bytes', authorize: () => true, upgrade: false } as const

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

const proxies: CuttingProxy[] = []
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.close()
})

type Carrier = 'grpc' | 'ws'

async function startGateway(carrier: Carrier, options: object = {}): Promise<{ child: Child; port: number }> {
  const child = new Child('tunnel-gateway', {
    args: ['prices', JSON.stringify(options), carrier],
    env: { SHMWIRE_DIR: directory },
    ipc: true,
  })
  const { port } = await child.next<{ port: number }>()
  return { child, port }
}

const addressAt = (carrier: Carrier, port: number): string => `${carrier}://127.0.0.1:${port}/prices`

function connectTunnel(address: string, options: TunnelOptions & WaitOptions): Promise<Channel> {
  return address.startsWith('ws') ? connectWebSocket(address, options) : connectGrpc(address, options)
}

async function connectOverProxy(
  carrier: Carrier,
  port: number,
  options: TunnelOptions = {},
): Promise<{ channel: Channel; proxy: CuttingProxy }> {
  const proxy = new CuttingProxy(port)
  proxies.push(proxy)
  const address = addressAt(carrier, await proxy.listen())
  return { channel: await connectTunnel(address, { ...OPTIONS, ...options }), proxy }
}

function numbered(number: number): Buffer {
  const message = Buffer.alloc(4 + ((number * 7919) % 3_000), number)
  message.writeUInt32LE(number)
  return message
}

/** Waits until the gateway has no session any more. */
async function sessionsEnd(child: Child): Promise<void> {
  for (let sessions: number | undefined; sessions !== 0; ) {
    child.send('state')
    sessions = (await child.next<{ sessions?: number }>()).sessions
  }
}

describe.each<Carrier>(['grpc', 'ws'])('a tunnel over %s', (carrier) => {
  it(`loses and repeats nothing when its connection is cut ${CUTS} times under load`, async () => {
    const { port } = await startGateway(carrier)
    const { channel, proxy } = await connectOverProxy(carrier, port)
    let sent = 0
    let received = 0
    const load = { on: true }
    const send = async (): Promise<void> => {
      while (load.on) await channel.send(numbered(sent++))
    }
    const sender = send()
    const receive = async (): Promise<void> => {
      for await (const message of channel as Channel<Buffer>) {
        if (!message.equals(numbered(received))) throw new Error(`message ${received} is another one`)
        received += 1
        if (!load.on && received === sent) return
      }
    }
    const receiver = receive()
    for (let cut = 1; cut <= CUTS; cut += 1) {
      const before = [proxy.bytes, received] as const
      await eventually(() => proxy.bytes > before[0] + 200_000 && received > before[1])
      proxy.cut()
    }
    const last = received
    await eventually(() => received > last + 100)
    load.on = false
    await sender
    await channel.send(numbered(sent++))
    await receiver
    expect(received).toBe(sent)
    expect(proxy.connections).toBeGreaterThanOrEqual(CUTS + 1)
    expect(channel.open).toBe(true)
  })

  it('ends on both sides with PEER_GONE when it stays cut', async () => {
    const { child, port } = await startGateway(carrier, { resumeMs: 100 })
    const { channel, proxy } = await connectOverProxy(carrier, port, { resumeMs: 100 })
    expect(await child.next()).toMatchObject({
      transport: carrier,
      peer: { address: '127.0.0.1', verified: false },
    })
    const closed = new Promise<Error | undefined>((resolve) => channel.once('close', resolve))
    proxy.close()
    expect(await closed).toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining('100 ms'),
    })
    expect(await child.next()).toEqual({ closed: ErrorCode.PEER_GONE })
    await sessionsEnd(child)
  })

  it('ends with PEER_GONE when the gateway was restarted', async () => {
    const { child, port } = await startGateway(carrier)
    const { channel, proxy } = await connectOverProxy(carrier, port, { resumeMs: 500 })
    const closed = new Promise<Error | undefined>((resolve) => channel.once('close', resolve))
    await child.kill()
    expect(await closed).toMatchObject({ code: ErrorCode.PEER_GONE })
    expect(proxy.connections).toBeGreaterThan(1)
  })

  // Windows cannot stop a process.
  it.skipIf(IS_WINDOWS)(
    'continues after the gateway was stopped for longer than the heartbeat allows',
    async () => {
      const { child, port } = await startGateway(carrier)
      const heartbeat = { intervalMs: 50, timeoutMs: 200 }
      const { channel, proxy } = await connectOverProxy(carrier, port, { heartbeat })
      const received: number[] = []
      channel.on('message', (message: Buffer) => received.push(message.readUInt32LE()))
      child.process.kill('SIGSTOP')
      for (let number = 0; number < 50; number += 1) await channel.send(numbered(number))
      await eventually(() => proxy.connections > 2)
      child.process.kill('SIGCONT')
      await eventually(() => received.length >= 50)
      expect(received).toEqual(Array.from({ length: 50 }, (_, index) => index))
    },
  )

  it('does not keep an unreferenced client alive', async () => {
    const { port } = await startGateway(carrier)
    const client = (mode: string): Child =>
      new Child('tunnel-client', { args: [addressAt(carrier, port), mode] })
    const [unreferenced, referenced] = [client('unref'), client('ref')]
    expect([await unreferenced.next(), await referenced.next()]).toEqual(['answered', 'answered'])
    expect(await unreferenced.ended).toMatchObject({ code: 0 })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(referenced.running).toBe(true)
  })

  // Windows has no id of the boot, so a client behind a tunnel cannot prove that it is on the same machine.
  it.skipIf(IS_WINDOWS)('uses shared memory if the server is on the same machine', async () => {
    const { child, port } = await startGateway(carrier)
    const address = addressAt(carrier, port)
    const channel = await connectTunnel(address, { ...OPTIONS, upgrade: true })
    expect([channel.transport, channel.fallbackReason, channel.peer.pid]).toEqual([
      'shm',
      undefined,
      child.process.pid,
    ])
    const answered = once(channel, 'message')
    await channel.send(numbered(1))
    expect(await answered).toEqual([numbered(1)])
    await sessionsEnd(child)
    await channel.close()
  })

  it('says why it does not use shared memory', async () => {
    const { port } = await startGateway(carrier)
    const address = addressAt(carrier, port)
    const declined = await connectTunnel(address, OPTIONS)
    expect(declined.fallbackReason).toContain('upgrade: false')
    declined.destroy()
    // The client has other servers under the same names.
    ownRuntimeDirectory(temporaryDirectory())
    const elsewhere = await connectTunnel(address, { ...OPTIONS, upgrade: true })
    expect([elsewhere.transport, elsewhere.fallbackReason]).toEqual([
      carrier,
      expect.stringContaining('cannot be reached directly'),
    ])
    elsewhere.destroy()
  })
})

describe('a gateway with tunnels', () => {
  it('does not keep an unreferenced gateway alive', async () => {
    const child = new Child('tunnel-unref', { env: { SHMWIRE_DIR: directory } })
    const { port } = await child.next<{ port: number }>()
    const channel = await connectTunnel(`grpc://127.0.0.1:${port}/prices`, OPTIONS)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(child.running).toBe(true)
    await channel.send(numbered(1))
    expect(await child.ended).toMatchObject({ code: 0 })
    channel.destroy()
  })
})
