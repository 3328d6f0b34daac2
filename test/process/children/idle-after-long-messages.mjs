// Receives long messages, rests, and prints its resident memory before, at once and after the rest. Then ends with messages in use.
import { connect, listen } from '../../../dist/index.js'

const MIB = 1024 * 1024
const { gc } = globalThis
const rss = () => Math.round(process.memoryUsage.rss() / MIB)

const server = await listen(process.argv[2], { codec: 'bytes' })
const served = new Promise((resolve) => {
  server.once('channel', resolve)
})
const client = await connect(process.argv[2], { codec: 'bytes' })
const channel = await served

let received = 0
let held = []
channel.on('message', (message) => {
  received += 1
  held.push(message)
})
async function receive(count) {
  const end = received + count
  const payload = Buffer.alloc(MIB, 1)
  for (let sent = 0; sent < count; sent += 1) await client.send(payload)
  const arrived = () => received === end
  while (!arrived()) await new Promise((resolve) => setTimeout(resolve, 1))
}
async function collect() {
  for (let count = 0; count < 3; count += 1) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

await receive(4)
held = []
await collect()
const before = rss()
await receive(60)
held = []
await collect()
const used = rss()
let idle = used
// The parent ends the wait.
while (idle > before + 16) {
  await new Promise((resolve) => setTimeout(resolve, 100))
  idle = rss()
}
await receive(3)
globalThis.held = held
console.log(JSON.stringify({ before, used, idle, transport: client.transport }))
client.unref()
channel.unref()
server.unref()
