// One of the processes of a setup: node roles.mjs ROLE ARGUMENTS…
import { subscribe, work } from '../../dist/index.js'
import { loadPackage } from '../support/packages.mjs'

const [role, ...args] = process.argv.slice(2)
const ROLES = { subscriber, idleSubscriber, zeromqSubscriber, worker, zeromqWorker }
// The parent was killed.
process.once('disconnect', () => process.exit())
await ROLES[role](...args)
process.send('ready')

/** Counts what it receives, and reports the count on demand. */
function reportCount() {
  const counter = { received: 0 }
  process.on('message', () => process.send(counter.received))
  return counter
}

async function subscriber(address) {
  const counter = reportCount()
  const messages = await subscribe(address, { codec: 'bytes' })
  messages.on('message', () => {
    counter.received += 1
  })
}

/** It takes no message, so it reads none, and needs no wake-up. */
async function idleSubscriber(address) {
  await subscribe(address, { codec: 'bytes' })
}

async function zeromqSubscriber(path) {
  const counter = reportCount()
  const { Subscriber } = loadPackage('zeromq')
  const socket = new Subscriber({ receiveHighWaterMark: 0 })
  socket.connect(`ipc://${path}`)
  socket.subscribe()
  // Connects in the background: the publisher repeats its first message until it has arrived.
  await socket.receive()
  void count()
  async function count() {
    for await (const message of socket) if (message[0].length > 1) counter.received += 1
  }
}

async function worker(address) {
  await work(address, () => {}, { codec: 'bytes', concurrency: 256 })
}

async function zeromqWorker(jobs, acknowledgements) {
  const { Pull, Push } = loadPackage('zeromq')
  const pull = new Pull({ receiveHighWaterMark: 256 })
  const push = new Push({ sendHighWaterMark: 0 })
  pull.connect(`ipc://${jobs}`)
  push.connect(`ipc://${acknowledgements}`)
  void run()
  async function run() {
    // The first 4 bytes of a job are its number.
    for await (const [job] of pull) await push.send(job.subarray(0, 4))
  }
}
