// Exchanges messages while everything that @sinonjs/fake-timers can replace is replaced, except `nextTick`: without it the sockets of Node
// stop. The clock never advances. Needs that package in the folder above.
import assert from 'node:assert/strict'
import FakeTimers from '@sinonjs/fake-timers'
import { connect, keepConnected, listen } from 'shmwire'

const EXCEPT = new Set(['nextTick'])
const toFake = Object.keys(FakeTimers.timers).filter((name) => !EXCEPT.has(name))

for (const transport of ['auto', 'socket']) {
  const address = `fake-timers-${transport}`
  const early = await listen(`${address}-early`, { transport })
  early.on('channel', (channel) => channel.handle((message) => message))
  const earlyChannel = await connect(`${address}-early`)

  const clock = FakeTimers.install({ toFake })
  const server = await listen(address, { transport, timeoutMs: 5_000 })
  server.on('channel', (channel) => channel.handle((message) => message))
  const channel = await connect(address, { timeoutMs: 5_000 })
  for (const each of [earlyChannel, channel]) {
    assert.equal(await each.request(1, { timeoutMs: 5_000 }), 1)
    await each.send(2)
    await each.close()
  }
  const connector = keepConnected(address)
  const kept = await new Promise((resolve) => connector.once('channel', resolve))
  assert.equal(await kept.request(3), 3)
  await connector.close()
  await server.close()
  await early.close()
  clock.uninstall()
}
