// A worker thread with one end, or both ends, of a channel. Posts its results.
import { parentPort, workerData } from 'node:worker_threads'
import { connect, listen } from '../../../dist/index.js'

const { role, address, transport, count } = workerData
const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 }

if (role === 'serve') {
  const server = await listen(address, options)
  server.on('channel', (channel) => channel.handle((value) => value))
  parentPort.once('message', () => void server.close())
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort.postMessage('listening')
}

if (role === 'ask') {
  const channel = await connect(address, options)
  let right = 0
  for (let index = 0; index < count; index += 1) {
    const question = Buffer.alloc(index % 20_000, index & 0xff)
    if (question.equals(await channel.request(question))) right += 1
  }
  await channel.close()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort.postMessage({ right, transport: channel.transport })
}

if (role === 'both') {
  const server = await listen(address, options)
  const served = new Promise((resolve) => {
    server.once('channel', resolve)
  })
  const ends = [await connect(address, options), await served]
  for (const end of ends) end.handle((value) => value)
  let right = 0
  const askAll = async (end) => {
    for (let index = 0; index < count; index += 1) {
      const question = Buffer.alloc(index % 20_000, index & 0xff)
      if (question.equals(await end.request(question))) right += 1
    }
  }
  await Promise.all(ends.map(askAll))
  await server.close()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort.postMessage({ right, transport: ends[0].transport })
}

// Sends until it is terminated during a call; its numbered messages reveal a lost or torn one.
if (role === 'send for ever') {
  const channel = await connect(address, options)
  const lengths = [4, 100, 9_000, 300_000]
  let number = 0
  const pump = () => {
    for (let burst = 0; burst < 100; burst += 1) {
      const message = Buffer.alloc(lengths[number % lengths.length], number & 0xff)
      message.writeUInt32LE(number)
      if (!channel.trySend(message)) return channel.once('drain', pump)
      number += 1
    }
    setImmediate(pump)
  }
  channel.on('message', () => {})
  pump()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort.postMessage('sending')
}

// Listens, connects to itself and to the given address, exchanges messages and closes, in a loop until it is terminated.
if (role === 'come and go') {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort.postMessage('begun')
  for (let number = 0; ; number += 1) {
    const own = await listen(`${address}-own`, options)
    const served = new Promise((resolve) => {
      own.once('channel', resolve)
    })
    const channels = await Promise.all([
      connect(address, options),
      connect(`${address}-own`, options),
      served,
    ])
    for (const channel of channels) {
      channel.handle((value) => value)
      channel.on('message', () => {})
    }
    const question = Buffer.alloc(1 + ((number * 7919) % 100_000), number & 0xff)
    await Promise.all(channels.slice(0, 2).map((channel) => channel.request(question)))
    channels[0].trySend(question)
    if (number % 2 === 0) channels[0].destroy()
    else await channels[0].close()
    await own.close()
  }
}
