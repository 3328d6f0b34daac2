// Publishes numbered messages as fast as it can until it is killed. Writes the number of published messages to a file: the page cache keeps
// it after the kill. With `count`, it publishes so many, and closes the topic when the parent sends a message.
//   topic-publisher.mjs <address> <transport> <overflow> <file for the count> [count]
import { openSync, writeSync } from 'node:fs'
import { createTopic } from '../../../build/modules/messaging/topic/create-topic.js'

const [address, transport, overflow, file, count = 'Infinity'] = process.argv.slice(2)
const PER_TURN = 100
const last = Number(count)
const report = openSync(file, 'w')
const word = Buffer.alloc(8)
const topic = await createTopic(address, {
  overflow,
  ringBytes: 256 * 1024,
  codec: 'bytes',
  channel: { transport },
})

const message = (number) => {
  const bytes = Buffer.alloc(16 + (number % 200), number & 0xff)
  bytes.writeBigUInt64LE(BigInt(number))
  return bytes
}

const pump = () => {
  for (let each = 0; each < PER_TURN && topic.sequence < last; each += 1)
    if (!topic.tryPublish(message(topic.sequence + 1), { key: `k.${topic.sequence % 7}` })) break
  word.writeBigUInt64LE(BigInt(topic.sequence))
  writeSync(report, word, 0, 8, 0)
  if (topic.sequence < last) setImmediate(pump)
  else process.send({ published: topic.sequence })
}

process.on('message', async (request) => {
  if (request === 'publish') pump()
  else if (request === 'stats') process.send({ ...topic.stats(), memory: process.memoryUsage() })
  else {
    await topic.close()
    process.send('closed')
    process.disconnect()
  }
})
process.on('disconnect', () => process.exit())
process.send('listening')
