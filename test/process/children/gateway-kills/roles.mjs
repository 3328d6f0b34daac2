// The roles of the processes of a run. Each returns its orders, and the resources that must be as before whenever no call is open:
// `held`, and `objects`, which takes longer to count.
import { openSync, writeSync } from 'node:fs'
import { queryObjects } from 'node:v8'
import { Metadata } from '@grpc/grpc-js'
import { grpcGateway, grpcService } from '../../../../dist/gateway/grpc/index.js'
import { serve } from '../../../../dist/index.js'
import { randomBits } from '../soak/pattern.mjs'
import { contractFrom } from './contract.mjs'
import { errorOfGrpcJs, grpcJsClient } from './grpc-js-client.mjs'
import { Handlers } from './handlers.mjs'
import { Traffic } from './traffic.mjs'

/** Of the channel between the gateway and the service. */
const CHANNEL = { ringBytes: 64 * 1024 }
const BACK_OFF = { minMs: 1, maxMs: 50 }

export const ROLES = {
  async service({ descriptors, name, file }) {
    // It outlives the process.
    const executed = openSync(file, 'a')
    const handlers = new Handlers((id) => writeSync(executed, `${id}\n`))
    const contract = contractFrom(descriptors)
    const service = await serve(name, handlers, { contract, channel: CHANNEL })
    return {
      orders: {
        /** Resolves when the handlers of the calls with this prefix have ended, to their number. */
        ended: ({ prefix }) => handlers.ended((id) => id.startsWith(prefix)),
        open: () => [...handlers.running.values()],
        /** The handlers that ended early since the last report, by the reasons of their signals. */
        cancelled() {
          const { cancelled } = handlers
          handlers.cancelled = {}
          return cancelled
        },
      },
      held: () => ({
        handlers: handlers.running.size,
        running: Object.values(service.stats()).reduce((sum, { running }) => sum + running, 0),
        channels: service.server.channels.size,
      }),
      objects: () => 0,
    }
  },

  async gateway({ descriptors, name, port }) {
    const contract = contractFrom(descriptors)
    const channel = { ...CHANNEL, backOff: BACK_OFF }
    await grpcGateway({
      services: [{ contract, target: name, client: { channel } }],
      listen: `127.0.0.1:${port}`,
    })
    // Each call has a controller.
    return { orders: {}, held: () => ({}), objects: () => queryObjects(AbortController, { format: 'count' }) }
  },

  'grpc-js client'({ descriptors, port, prefix, seed }) {
    const functions = grpcJsClient(contractFrom(descriptors), `127.0.0.1:${port}`)
    return clientOf(new Traffic(functions, errorOfGrpcJs, prefix, randomBits(seed)))
  },

  async 'shmwire client'({ descriptors, port, prefix, seed }) {
    const functions = await grpcService(contractFrom(descriptors), `127.0.0.1:${port}`, { connections: 2 })
    return clientOf(new Traffic(functions, errorOfShmwire, prefix, randomBits(seed)))
  },

  /** The client that lives on. Its calls wait while there is no gateway. */
  async 'waiting client'({ descriptors, port, prefix, seed }) {
    const options = { whenUnavailable: 'wait', waitForServer: true }
    const functions = await grpcService(contractFrom(descriptors), `127.0.0.1:${port}`, options)
    return clientOf(new Traffic(functions, errorOfShmwire, prefix, randomBits(seed), false))
  },
}

function clientOf(traffic) {
  let marked = Promise.resolve()
  let unlimit = () => {}
  return {
    orders: {
      start: ({ lanes }) => traffic.start(lanes),
      limit() {
        unlimit = traffic.limit()
      },
      burst: ({ count }) => traffic.burst(count),
      /** Begins to wait for the calls that are pending now. Resolves to their number. */
      mark() {
        marked = traffic.ended()
        return traffic.pending.size
      },
      async marked() {
        await marked
      },
      recover: () => traffic.recover(),
      async stop() {
        await traffic.stop()
        unlimit()
      },
      open: () => [...traffic.pending.keys()],
      outcomes: () => traffic.outcomes.splice(0),
    },
    held: () => ({ pending: traffic.pending.size, sending: traffic.sending.size }),
    // Each call has metadata.
    objects: () => queryObjects(Metadata, { format: 'count' }),
  }
}

/** The part of an error that is compared. */
function errorOfShmwire(error) {
  const { status, code, executed, message } = error
  if (status === undefined) throw error
  return { status, code, executed, text: message }
}
