import assert from 'node:assert/strict'

const MESSAGE = {
  text: 'ping \ud83d',
  map: new Map([[1, new Set(['a'])]]),
  bytes: Buffer.from('bytes'),
  big: 2n ** 70n,
  zero: -0,
}

/** One request and one message each way, through whatever transport this machine allows. */
export async function exchange({ listen, connect, ShmwireError }) {
  const server = await listen('package-test')
  server.on('channel', (channel) => {
    channel.handle((message) => [message])
    channel.on('message', (message) => channel.trySend(message))
  })
  const channel = await connect('package-test', { timeoutMs: 30_000 })
  console.log(channel.transport, channel.fallbackReason ?? '')
  assert.deepStrictEqual(await channel.request(MESSAGE), [MESSAGE])
  const echoed = new Promise((resolve) => channel.once('message', resolve))
  await channel.send(MESSAGE)
  assert.deepStrictEqual(await echoed, MESSAGE)
  await assert.rejects(connect('no-server'), (error) => error instanceof ShmwireError)
  await channel.close()
  await server.close()
}

/** The same request between the two ends of a pair. */
export async function exchangeInProcess({ createChannelPair }) {
  const [left, right] = createChannelPair()
  right.handle((message) => [message])
  assert.deepStrictEqual(await left.request(MESSAGE), [MESSAGE])
  await left.close()
}
