// The parts of the package that use other parts of the runtime than the channels of client.mjs: HTTP, streams, reconnection and discovery. Both
// sides are in this process. Prints a line for each feature, and exits with 1 if one is not as expected.
//   features.mjs <features that this runtime lacks>…
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { text } from 'node:stream/consumers'
import {
  keepConnected,
  listen,
  listServers,
  ShmwireError,
  serve,
  client as serviceClient,
  watchServers,
} from 'shmwire'
import { agent, attach } from 'shmwire/http'
import { channelPort } from 'shmwire/port'
import { channelDuplex, createConnection } from 'shmwire/stream'
import { createChannelPair } from 'shmwire/testing'

const address = `features-${process.pid}`
/** Longer than the ring. */
const BODY = 'the body of a request '.repeat(100_000)
const FEATURE_MS_MAX = 10_000

const features = {
  async 'shmwire/http'() {
    const attached = await attach(
      createServer((incoming, response) => incoming.pipe(response)),
      `${address}.http`,
    )
    const connections = agent(`${address}.http`)
    const sent = request('http://localhost/', { agent: connections, method: 'POST' })
    sent.end(BODY)
    const [response] = await once(sent, 'response')
    assert.equal(await text(response), BODY)
    connections.destroy()
    await attached.close()
  },

  async 'shmwire/stream'() {
    const server = await listen(`${address}.stream`, { codec: 'bytes' })
    server.on('channel', (channel) => {
      const duplex = channelDuplex(channel)
      duplex.pipe(duplex)
    })
    const socket = createConnection(`${address}.stream`)
    socket.end(BODY)
    assert.equal(await text(socket), BODY)
    await server.close()
  },

  async 'node:http2'() {
    const server = createHttp2Server((incoming, response) => response.end(incoming.url))
    const attached = await attach(server, `${address}.http2`)
    const session = connectHttp2('http://localhost', {
      createConnection: () => createConnection(`${address}.http2`),
    })
    assert.equal(await text(session.request({ ':path': '/path' })), '/path')
    session.close()
    await attached.close()
  },

  async 'shmwire/port'() {
    const [left, right] = createChannelPair()
    const [port, other] = [channelPort(left), channelPort(right)]
    const received = once(other, 'message')
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, not a window
    port.postMessage('to the port')
    assert.deepEqual(await received, ['to the port'])
    await left.close()
  },

  async keepConnected() {
    const client = keepConnected(`${address}.kept`, { backOff: { minMs: 20, maxMs: 200 } })
    for (const edition of ['first', 'second']) {
      const server = await listen(`${address}.kept`)
      server.on('channel', (channel) => channel.handle(() => edition))
      const channel = client.channel ?? (await once(client, 'channel'))[0]
      assert.equal(await channel.request('edition'), edition)
      const closed = once(channel, 'close')
      await server.close()
      await closed
    }
    await client.close()
  },

  async 'node:diagnostics_channel'() {
    const server = await listen(`${address}.traced`)
    const storage = new AsyncLocalStorage()
    await serve(server, {
      async *stores() {
        yield storage.getStore()
        await new Promise((resolve) => setTimeout(resolve, 1))
        yield storage.getStore()
      },
    })
    const [outgoing, incoming] = ['client', 'service'].map((side) => tracingChannel(`shmwire:${side}.call`))
    outgoing.start.subscribe(({ metadata }) => metadata.set('traceparent', 'a trace'))
    incoming.start.bindStore(storage, ({ metadata }) => metadata.text('traceparent'))
    let ends = 0
    for (const channel of [outgoing, incoming]) channel.asyncEnd.subscribe(() => (ends += 1))
    const caller = await serviceClient(`${address}.traced`)
    const stores = []
    for await (const store of caller.stores()) stores.push(store)
    assert.deepEqual(stores, ['a trace', 'a trace'])
    await caller.$close()
    await server.close()
    assert.equal(ends, 2)
  },

  async 'listServers, watchServers'() {
    const watcher = await watchServers()
    const up = once(watcher, 'up')
    const server = await listen(`${address}.seen`)
    assert.equal((await up)[0].name, `${address}.seen`)
    const found = (await listServers()).filter(({ name }) => name === `${address}.seen`)
    assert.deepEqual(
      found.map(({ pid, kind }) => ({ pid, kind })),
      [{ pid: process.pid, kind: 'channel' }],
    )
    const down = once(watcher, 'down')
    await server.close()
    assert.equal((await down)[0].name, `${address}.seen`)
    await watcher.close()
  },
}

const lacking = process.argv.slice(2)
let failed = 0
for (const [name, feature] of Object.entries(features)) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${FEATURE_MS_MAX} ms`)), FEATURE_MS_MAX)
  })
  const error = await Promise.race([feature(), late]).then(
    () => undefined,
    (thrown) => thrown,
  )
  clearTimeout(timer)
  // The package itself refuses what a runtime lacks.
  const isExpected = lacking.includes(name) ? error instanceof ShmwireError : error === undefined
  if (!isExpected) failed += 1
  const outcome = error === undefined ? 'works' : `fails: ${isExpected ? error.message : error.stack}`
  console.log(`${isExpected ? 'ok' : 'FAIL'} ${name} ${outcome}`)
}
process.exit(failed === 0 ? 0 : 1)
