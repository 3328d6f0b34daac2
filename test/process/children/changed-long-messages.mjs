// Sends long messages to a process of the same file, and changes their memory as soon as trySend returns: TRANSPORT, and for the receiver ADDRESS.
import { fork } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect, listen } from '../../../dist/index.js'

const MESSAGES = 30
const LENGTHS = [16 * 1024 * 1024, 200_000, 1024 * 1024, 5_000_001, 70_000, 131_072]
const [transport, address] = process.argv.slice(2)
const options = { codec: 'bytes', transport }
const digestOf = (bytes) => createHash('md5').update(bytes).digest('hex')

if (address === undefined) await send()
else await receive()

async function send() {
  const server = await listen('changed', options)
  const child = fork(fileURLToPath(import.meta.url), [transport, 'changed'])
  const [channel] = await once(server, 'channel')
  const source = randomFillSync(Buffer.alloc(LENGTHS[0] + MESSAGES))
  const expected = []
  for (let number = 0; number < MESSAGES; number += 1) {
    const message = Buffer.from(source.subarray(number, number + LENGTHS[number % LENGTHS.length]))
    expected.push(digestOf(message))
    while (!channel.trySend(message)) await once(channel, 'drain')
    message.fill(0xee)
  }
  const [received] = await once(child, 'message')
  console.log(JSON.stringify({ expected, received, transport: channel.transport }))
  await server.close()
}

async function receive() {
  const received = []
  const channel = await connect(address, options)
  channel.on('message', (message) => {
    received.push(digestOf(message))
    if (received.length === MESSAGES) process.send(received, () => process.disconnect())
  })
}
