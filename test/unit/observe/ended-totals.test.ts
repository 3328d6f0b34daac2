import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Channel,
  client,
  connect,
  createTopic,
  listen,
  type Server,
  serve,
  subscribe,
} from '../../../src/index.js'
import { stopMeasuring } from '../../../src/observe/event-loop.js'
import type { GatewayFigures } from '../../../src/observe/figures.js'
import { LatencyHistogram } from '../../../src/observe/latency-histogram.js'
import { metricsText } from '../../../src/observe/metrics-text.js'
import { register } from '../../../src/observe/registry.js'
import { snapshot } from '../../../src/observe/snapshot.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'
import { waitFor } from '../../support/wait-for.js'

const open: AsyncDisposable[] = []
beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]()
  stopMeasuring()
})

/** The value of one series of this process. */
function seriesValue(series: string): number {
  const line = metricsText()
    .split('\n')
    .find((one) => one.startsWith(`${series} `))
  return Number(line?.split(' ').at(-1))
}

describe('the counters of metrics', () => {
  it('keep what an ended subscription has counted', async () => {
    const topic = await createTopic('ended-ticks')
    open.push(topic)
    const [first, second] = [await subscribe('ended-ticks'), await subscribe('ended-ticks')]
    open.push(first, second)
    topic.tryPublish(1)
    for (const one of [first, second]) await once(one, 'message')
    const series = 'shmwire_subscription_messages_received_total{address="ended-ticks",name=""}'
    expect(seriesValue(series)).toBe(2)
    await first.close()
    expect(seriesValue(series)).toBe(2)
    await second.close()
    expect(seriesValue(series)).toBe(2)
  })

  it('keep what a service on a channel has counted when the channel ends', async () => {
    const server: Server = await listen('ended-service')
    open.push(server)
    const channels: Channel[] = []
    server.on('channel', (channel) => {
      channels.push(channel)
      channel.handle(undefined)
    })
    const series = 'shmwire_service_call_duration_seconds_count{address="",service="Ended",method="call"}'
    for (let count = 1; count <= 2; count += 1) {
      const channel = await connect('ended-service')
      open.push(channel)
      await waitFor(() => expect(channels).toHaveLength(count))
      await serve(channels[count - 1] as Channel, { call: () => 1 }, { name: 'Ended' })
      const caller = await client(channel, { name: 'Ended' })
      await caller['call']?.({})
      expect(seriesValue(series)).toBe(count)
      await channel.close()
      await waitFor(() => expect(snapshot().services).toEqual([]))
      expect(seriesValue(series)).toBe(count)
    }
  })

  it('keep a limited number of names, and count the others without a name', () => {
    const latency = new LatencyHistogram()
    latency.record(1)
    const before = snapshot().endedGateways.length
    for (let index = 0; index < 600; index += 1) {
      const gateway: GatewayFigures = {
        gateway: 'rest',
        address: `many${index}`,
        running: 0,
        streams: 0,
        clientErrors: 1,
        serverErrors: 0,
        latency: latency.figures(),
      }
      register('gateways', gateway, (one) => one)()
    }
    const { endedGateways } = snapshot()
    expect(endedGateways).toHaveLength(513)
    expect(endedGateways.find(({ address }) => address === '')).toMatchObject({
      clientErrors: 600 - 512 + before,
      latency: { count: 600 - 512 + before },
    })
  })
})
