import { beforeAll, describe, expect, it } from 'vitest'
import { bridgeTopic } from '../../../src/engine/nats/index.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import { subscribe } from '../../../src/messaging/topic/subscribe.js'
import type { Subscription } from '../../../src/messaging/topic/types.js'
import { localAddress } from '../../support/local-address.js'
import { NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'
import { waitFor } from '../../support/wait-for.js'

describe.skipIf(NATS_VERSION === undefined)(`bridgeTopic${NATS_REASON}`, () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await NatsServer.start()
  })

  const localTopic = () => createTopic<unknown>(localAddress(ownRuntimeDirectory(), 'local'))

  it('forwards a local topic with its epoch and sequence, and ends with it', async () => {
    const engine = openEngine(server)
    const local = await localTopic()
    const bridge = await bridgeTopic(await subscribe(local.address), engine, { topic: 'out' })
    expect(bridge.direction).toBe('out')
    const remote = await engine.subscribe<unknown>('out', {})
    const total = 600
    for (let n = 1; n <= total; n += 1) await local.publish(n, { key: `k.${n}`, headers: { own: 'x' } })
    const closed = new Promise((resolve) => bridge.once('close', resolve))
    await local.close()
    const items = []
    for await (const item of remote.entries()) items.push(item)
    expect(items).toHaveLength(total)
    expect(items[4]).toEqual([
      5,
      {
        epoch: remote.epoch,
        sequence: 5,
        key: 'k.5',
        headers: { own: 'x', 'origin-epoch': local.epoch, 'origin-sequence': '5' },
      },
    ])
    expect(items.map(([message]) => message)).toEqual(Array.from({ length: total }, (_, n) => n + 1))
    expect(await closed).toBeUndefined()
    expect(bridge.stats()).toEqual({ forwarded: total, lost: 0, returned: 0 })
  })

  it('stores a message once that two bridges forward, and one that a bridge forwards again', async () => {
    const engine = openEngine(server)
    const local = await localTopic()
    const from = { epoch: local.epoch, sequence: 0 }
    const open = async () => bridgeTopic(await subscribe(local.address, { from }), engine, { topic: 'once' })
    const bridges = [await open(), await open()]
    const remote = collect(await engine.subscribe('once', { from: 'oldest' }))
    for (let n = 1; n <= 50; n += 1) await local.publish(n)
    await waitFor(() => expect(bridges.map((each) => each.stats().forwarded)).toEqual([50, 50]))
    for (const bridge of bridges) await bridge.close()
    const again = await open()
    await waitFor(() => expect(again.stats().forwarded).toBe(50))
    await local.publish(51)
    await waitFor(() => expect(remote.at(-1)).toBe(51))
    expect(remote).toEqual(Array.from({ length: 51 }, (_, n) => n + 1))
    await again.close()
    await local.close()
  })

  it('lets the processes of a machine share one subscription', async () => {
    const engine = openEngine(server)
    const remote = await engine.createTopic<unknown>('in', {})
    const local = await localTopic()
    const bridge = await bridgeTopic(local, engine, { topic: 'in', keys: 'price.*' })
    expect(bridge.direction).toBe('in')
    const readers = [await subscribe(local.address), await subscribe(local.address)]
    const seen = readers.map((each) => collect(each))
    const infos: unknown[] = []
    readers[0]?.on('message', (_message, { key, headers }) => infos.push([key, headers]))
    await remote.publish('a', { key: 'price.x' })
    await remote.publish('other')
    await remote.publish('b', { key: 'price.y' })
    await waitFor(() =>
      expect(seen).toEqual([
        ['a', 'b'],
        ['a', 'b'],
      ]),
    )
    expect(infos[1]).toEqual(['price.y', { 'origin-epoch': remote.epoch, 'origin-sequence': '3' }])
    await bridge.close()
    await local.publish('still open')
    await waitFor(() => expect(seen[0]).toContain('still open'))
    await local.close()
  })

  it('does not return messages when two bridges connect the same topics in both directions', async () => {
    const engine = openEngine(server)
    const local = await localTopic()
    const out = await bridgeTopic(await subscribe(local.address), engine, { topic: 'both' })
    const into = await bridgeTopic(local, engine, { topic: 'both' })
    const other = await engine.createTopic<unknown>('both', {})
    const here = collect(await subscribe(local.address))
    const there = collect(await engine.subscribe('both', {}))
    await local.publish('from here')
    await other.publish('from there')
    await waitFor(() => expect([here.length, there.length]).toEqual([2, 2]))
    await waitFor(() => expect([out.stats(), into.stats()]).toMatchObject([{ returned: 1 }, { returned: 1 }]))
    const both = new Set(['from here', 'from there'])
    expect([new Set(here), new Set(there)]).toEqual([both, both])
    await out.close()
    await into.close()
    await local.close()
  })

  it('rejects options of the other direction', async () => {
    const engine = openEngine(server)
    const local = await localTopic()
    await expect(bridgeTopic(local, engine, { topic: 'x', ringBytes: 65_536 })).rejects.toThrow(
      'to the engine only',
    )
    const subscription = await subscribe(local.address)
    await expect(bridgeTopic(subscription, engine, { topic: 'x', from: 'last' })).rejects.toThrow(
      'from the engine only',
    )
    await expect(bridgeTopic({} as never, engine, { topic: 'x' })).rejects.toThrow('local is [object Object]')
    await local.close()
  })
})

function collect(subscription: Subscription<unknown>): unknown[] {
  const messages: unknown[] = []
  subscription.on('message', (message) => messages.push(message))
  return messages
}
