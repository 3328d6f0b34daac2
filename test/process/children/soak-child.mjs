// A process that runs the exchanges of the given plans in turn, and sends an account of each. It is driven by
// scripts/kills.mjs and scripts/soak.mjs, over process.send:
//   { plan }       → 'listening' (a server), 'running', then { account }, or { failure }
//   'resources'    → the size of the heap after a collection (node --expose-gc)
import { queryObjects } from 'node:v8'
import { connect, listen } from '../../../dist/index.js'
import { createChannelPair } from '../../../dist/testing/index.js'
import { Exchange } from './soak/exchange.mjs'

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024

process.on('disconnect', () => process.exit())
process.on('message', (order) => {
  if (order === 'resources') void reportHeap()
  else void run(order.plan)
})

async function run(plan) {
  try {
    await report({ type: 'account', accounts: await RUN_AS[plan.role](plan) })
  } catch (error) {
    await report({ type: 'failure', failure: error.stack })
  }
}

const RUN_AS = {
  async listen(plan) {
    const server = await listen(plan.address, plan.options)
    const accepted = new Promise((resolve) => {
      server.once('channel', resolve)
    })
    await report({ type: 'listening' })
    const accounts = await runAll([[await accepted, plan]])
    await server.close()
    return accounts
  },

  async connect(plan) {
    return runAll([[await connect(plan.address, plan.options), plan]])
  },

  /** Both ends are in this process, over in-memory links. */
  async both({ sides }) {
    const { ringBytes } = sides[0]
    const ends = createChannelPair({ codec: 'bytes', ringBytes, maxMessageBytes: MESSAGE_BYTES_MAX })
    return runAll(ends.map((channel, index) => [channel, sides[index]]))
  },
}

async function runAll(ends) {
  const exchanges = ends.map(([channel, plan]) => new Exchange(channel, plan))
  // Sent before an exchange may block this thread.
  await report({ type: 'running' })
  return Promise.all(exchanges.map((exchange) => exchange.run()))
}

async function reportHeap() {
  for (let count = 0; count < 3; count += 1) {
    globalThis.gc()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  const objects = queryObjects(Object, { format: 'count' })
  await report({ type: 'heap', heap: { heapUsed, external, arrayBuffers }, objects })
}

function report(message) {
  return new Promise((resolve) => {
    process.send(message, resolve)
  })
}
