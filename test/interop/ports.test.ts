import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/message-port'
import { os, type RouterClient } from '@orpc/server'
import { RPCHandler } from '@orpc/server/message-port'
import { createTRPCClient, TRPCClientError, type TRPCLink } from '@trpc/client'
import { callTRPCProcedure, initTRPC } from '@trpc/server'
import { observable } from '@trpc/server/observable'
import { createBirpc } from 'birpc'
import { expose, wrap } from 'comlink'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { birpcTransport, channelPort } from '../../src/adapter/port.js'
import { type Channel, connect, listen, type Server } from '../../src/index.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

let server: Server
let served: Promise<Channel>
let channel: Channel
beforeEach(async () => {
  ownRuntimeDirectory()
  server = await listen('rpc')
  served = new Promise((resolve) => {
    server.once('channel', resolve)
  })
  channel = await connect('rpc')
})
afterEach(() => server.close())

interface Calculator {
  add(left: number, right: number): number
  fail(): never
  bytes(value: Uint8Array): Uint8Array
}

const calculator: Calculator = {
  add: (left, right) => left + right,
  fail: () => {
    throw new TypeError('not today')
  },
  bytes: (value) => value.map((byte) => byte + 1),
}

describe('birpc over a channel', () => {
  it('calls functions in both directions, with errors', async () => {
    createBirpc<object, Calculator>(calculator, birpcTransport(await served))
    const rpc = createBirpc<Calculator>({}, birpcTransport(channel))
    const sums = await Promise.all(Array.from({ length: 1_000 }, (_, index) => rpc.add(index, 1)))
    expect(sums).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1))
    expect(await rpc.bytes(Buffer.from([1, 2]))).toEqual(Buffer.from([2, 3]))
    await expect(rpc.fail()).rejects.toMatchObject({ name: 'TypeError', message: 'not today' })
  })

  it('rejects a call whose arguments cannot be sent, and removes its listener on close', async () => {
    const rpc = createBirpc<{ take(value: unknown): void }>({}, birpcTransport(channel))
    await expect(rpc.take(() => {})).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
    rpc.$close()
    expect(channel.listenerCount('message')).toBe(0)
  })

  it('sends a call that has to wait for room', async () => {
    createBirpc<object, Calculator>(calculator, birpcTransport(await served))
    const rpc = createBirpc<Calculator>({}, birpcTransport(channel))
    const long = Buffer.alloc(700_000, 1)
    const replies = await Promise.all(Array.from({ length: 5 }, () => rpc.bytes(long)))
    for (const reply of replies)
      expect(
        Buffer.compare(
          reply,
          long.map((byte) => byte + 1),
        ),
      ).toBe(0)
  })
})

describe('comlink over a channel', () => {
  it('calls functions with plain values, and rejects a proxy', async () => {
    expose(calculator, channelPort(await served) as never)
    const remote = wrap<Calculator>(channelPort(channel) as never)
    expect(await remote.add(1, 2)).toBe(3)
    await expect(remote.fail()).rejects.toMatchObject({ message: 'not today' })
    await expect(
      (remote as unknown as { add(listener: unknown): unknown }).add(() => {}),
    ).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_CODEC',
    })
  })
})

describe('oRPC over a channel', () => {
  it('calls procedures through its message port adapter', async () => {
    const router = {
      add: os.handler(({ input }) => {
        const { left, right } = input as { left: number; right: number }
        return left + right
      }),
      count: os.handler(async function* () {
        for (let index = 0; index < 10; index += 1) yield index
      }),
    }
    new RPCHandler(router).upgrade(channelPort(await served) as never)
    const client: RouterClient<typeof router> = createORPCClient(
      new RPCLink({ port: channelPort(channel) as never }),
    )
    expect(await client.add({ left: 1, right: 2 })).toBe(3)
    const counted: number[] = []
    for await (const index of await client.count()) counted.push(index)
    expect(counted).toEqual(Array.from({ length: 10 }, (_, index) => index))
  })
})

describe('tRPC over a channel', () => {
  it('calls procedures by a link that sends requests', async () => {
    const trpc = initTRPC.create()
    const router = trpc.router({
      double: trpc.procedure.input((value) => Number(value)).query(({ input }) => input * 2),
    })
    ;(await served).handle((call: { path: string; type: 'query'; input: unknown }, { signal }) =>
      callTRPCProcedure({
        router,
        ctx: {},
        path: call.path,
        type: call.type,
        getRawInput: () => Promise.resolve(call.input),
        signal,
        batchIndex: 0,
      }),
    )
    const link: TRPCLink<typeof router> =
      () =>
      ({ op }) =>
        observable((observer) => {
          const { path, type, input, signal } = op
          channel.request({ path, type, input }, { signal: signal ?? undefined }).then(
            (data) => {
              observer.next({ result: { type: 'data', data } })
              observer.complete()
            },
            (error: Error) => observer.error(TRPCClientError.from(error)),
          )
        })
    const client = createTRPCClient<typeof router>({ links: [link] })
    expect(await client.double.query(21)).toBe(42)
    await expect(client.double.query('x' as never)).resolves.toBeNaN()
  })
})
