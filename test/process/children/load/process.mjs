// A process of a load run.   process.mjs <role> <options as JSON>
// It reports `{}` when it is ready, and answers orders: `{ id, order, … }` with `{ id, result }` or `{ id, error }`.
//   begin, stop    the load of the role; `stop` resolves when all its operations have ended, to their outcomes
//   rest           ends what a process at rest does not need
//   measure        the heap after a collection, and the counters of shmwire/observe
//   close          closes everything; then the process must end by itself
import { setTimeout as sleep } from 'node:timers/promises'
import { snapshot } from '../../../../dist/observe/index.js'
import { startCaller } from './caller.mjs'
import { startGateway } from './gateway.mjs'
import { startHttpCaller } from './http-caller.mjs'
import { startPublisher } from './publisher.mjs'
import { startPusher } from './pusher.mjs'
import { startQueue } from './queue.mjs'
import { startService } from './service.mjs'
import { startSubscriber } from './subscriber.mjs'
import { startVolume } from './volume.mjs'
import { startWorker } from './worker.mjs'

const ROLES = {
  service: startService,
  gateway: startGateway,
  caller: startCaller,
  'http-caller': startHttpCaller,
  volume: startVolume,
  queue: startQueue,
  pusher: startPusher,
  worker: startWorker,
  publisher: startPublisher,
  subscriber: startSubscriber,
}
const COLLECTIONS = 3
const PAUSE_MS = 20

const [role, options] = process.argv.slice(2)
// The run has ended or failed.
const onDisconnect = () => process.exit(3)
process.on('disconnect', onDisconnect)
const orders = { measure, rest() {}, ...(await ROLES[role](JSON.parse(options))) }

process.on('message', async ({ id, order, ...parts }) => {
  try {
    send({ id, result: await orders[order](parts) })
  } catch (error) {
    send({ id, error: error.stack })
  }
  if (order !== 'close') return
  process.off('disconnect', onDisconnect)
  process.disconnect()
})
send({})

async function measure() {
  for (let count = 0; count < COLLECTIONS; count += 1) {
    globalThis.gc()
    await sleep(PAUSE_MS)
  }
  const { channels, services, gateways, queues, subscriptions } = snapshot()
  const sum = (rows, member) => rows.reduce((total, row) => total + row[member], 0)
  return {
    heapBytes: process.memoryUsage().heapUsed,
    externalBytes: process.memoryUsage().external,
    counters: {
      channels: channels.length,
      outboxRecords: sum(channels, 'outboxRecords'),
      requestsOpen: sum(channels, 'requestsOpen'),
      requestsRunning: sum(channels, 'requestsRunning'),
      callsRunning: services.reduce((total, { methods }) => total + sum(methods, 'running'), 0),
      gatewayRunning: sum(gateways, 'running'),
      gatewayStreams: sum(gateways, 'streams'),
      jobs: sum(queues, 'waiting') + sum(queues, 'delayed') + sum(queues, 'leased'),
      dead: sum(queues, 'dead'),
      subscriptions: subscriptions.length,
    },
  }
}

/** The other process can be gone; then `disconnect` follows. */
function send(message) {
  process.send(message, () => {})
}
