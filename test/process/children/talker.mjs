// A process that has the conversations it is told to have, one after the other, and says what it saw of each. It is driven by
// scripts/kills.mjs and scripts/soak.mjs, over process.send:
//   { plan }       → 'listening' (a server), 'talking', then { account }, or { failure }
//   'resources'    → what the process's heap holds after a collection (node --expose-gc)
import { queryObjects } from 'node:v8'
import { connect, listen } from '../../../dist/index.js'
import { createChannelPair } from '../../../dist/testing/index.js'
import { Conversation } from './talk/conversation.mjs'

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024

process.on('disconnect', () => process.exit())
process.on('message', (order) => {
  if (order === 'resources') void tellHeap()
  else void obey(order.plan)
})

async function obey(plan) {
  try {
    await tell({ said: 'account', accounts: await TALKS[plan.role](plan) })
  } catch (error) {
    await tell({ said: 'failure', failure: error.stack })
  }
}

const TALKS = {
  async listen(plan) {
    const server = await listen(plan.address, plan.options)
    const accepted = new Promise((resolve) => {
      server.once('channel', resolve)
    })
    await tell({ said: 'listening' })
    const accounts = await talk([[await accepted, plan]])
    await server.close()
    return accounts
  },

  async connect(plan) {
    return talk([[await connect(plan.address, plan.options), plan]])
  },

  /** Both ends in this process. */
  async both({ sides }) {
    const { ringBytes } = sides[0]
    const ends = createChannelPair({ codec: 'bytes', ringBytes, maxMessageBytes: MESSAGE_BYTES_MAX })
    return talk(ends.map((channel, index) => [channel, sides[index]]))
  },
}

async function talk(ends) {
  const conversations = ends.map(([channel, plan]) => new Conversation(channel, plan))
  // Sent before a conversation may block this thread.
  await tell({ said: 'talking' })
  return Promise.all(conversations.map((conversation) => conversation.run()))
}

async function tellHeap() {
  for (let count = 0; count < 3; count += 1) {
    globalThis.gc()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  const objects = queryObjects(Object, { format: 'count' })
  await tell({ said: 'heap', heap: { heapUsed, external, arrayBuffers }, objects })
}

function tell(message) {
  return new Promise((resolve) => {
    process.send(message, resolve)
  })
}
