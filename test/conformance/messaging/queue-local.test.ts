import type { Channel } from '../../../src/channel/channel.js'
import { connect } from '../../../src/connect.js'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../src/messaging/queue/open-queue.js'
import type { Worker } from '../../../src/messaging/queue/types.js'
import { work } from '../../../src/messaging/queue/work.js'
import { localAddress } from '../../support/local-address.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { ALL_FEATURES, type QueuePlace } from './queue-fixture.js'
import { queueSuite } from './queue-suite.js'

const channels = new WeakMap<Worker, () => Channel | undefined>()

/** A queue at an address. Workers connect with a function, so that a test can end their channel. */
function placeAt(address: string, transport: 'auto' | 'shm' | 'socket'): QueuePlace {
  // The kernel does not identify the peers of TCP.
  const authorize = address.startsWith('tcp:') ? () => true : undefined
  let listening = address
  return {
    create: async (options) => {
      const queue = await createQueue(address, { ...options, channel: { transport, authorize } })
      listening = queue.address
      return queue
    },
    open: (options) => openQueue(listening, { ...options, channel: { transport, authorize } }),
    work: async (handler, options) => {
      let channel: Channel | undefined
      const open = async (): Promise<Channel> => {
        channel = await connect(listening, { transport, authorize })
        return channel
      }
      const worker = await work(open, handler, options)
      channels.set(worker, () => channel)
      return worker
    },
  }
}

const features = {
  ...ALL_FEATURES,
  cutWorker: (worker: Worker) => channels.get(worker)?.()?.destroy(),
}

let count = 0
const newAddress = (): string => {
  count += 1
  return localAddress(temporaryDirectory(), `q${count}`)
}

queueSuite({ name: 'shm', features, place: () => placeAt(newAddress(), 'shm') })
queueSuite({ name: 'socket', features, place: () => placeAt(newAddress(), 'socket') })
queueSuite({ name: 'tcp', features, place: () => placeAt('tcp://127.0.0.1:0', 'auto') })
