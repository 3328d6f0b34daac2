// A side of durable-queue.mjs: `queue-side.mjs shmwire|bullmq queue|worker|producer OPTIONS`.
import { createQueue, openQueue, work } from '../../dist/index.js'
import { percentiles } from '../support/figures.mjs'
import { loadPackage } from '../support/packages.mjs'

const CONCURRENCY = 100
/** How often a worker reports its finished jobs. */
const REPORT_MS = 5
const ATTEMPTS = 5

// The parent was killed.
process.once('disconnect', () => process.exit())
const [library, role, text] = process.argv.slice(2)
const options = JSON.parse(text)

const LIBRARIES = {
  shmwire: {
    async queue({ address, store }) {
      await createQueue(address, { store })
    },

    async worker({ address }, handler) {
      await work(address, handler, { concurrency: CONCURRENCY })
    },

    async producer({ address }) {
      const queue = await openQueue(address)
      return (jobs) => queue.push(jobs[0], { attempts: ATTEMPTS })
    },
  },

  bullmq: {
    async worker({ address }, handler) {
      const { Worker } = loadPackage('bullmq')
      const connection = { path: address, maxRetriesPerRequest: null }
      const worker = new Worker('jobs', ({ data }) => handler(data), { connection, concurrency: CONCURRENCY })
      await worker.waitUntilReady()
    },

    async producer({ address, bulk }) {
      const { Queue } = loadPackage('bullmq')
      const defaultJobOptions = { attempts: ATTEMPTS, removeOnComplete: true }
      const queue = new Queue('jobs', { connection: { path: address }, defaultJobOptions })
      await queue.waitUntilReady()
      if (bulk === undefined) return ([data]) => queue.add('job', data)
      return (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'job', data })))
    },
  },
}

if (role === 'worker') await LIBRARIES[library].worker(options, countingHandler())
else if (role === 'queue') await LIBRARIES[library].queue(options)
else await produce(await LIBRARIES[library].producer(options), options)
process.send({ type: 'ready' })

function countingHandler() {
  let count = 0
  setInterval(() => {
    if (count > 0) process.send({ type: 'done', count })
    count = 0
  }, REPORT_MS)
  return async () => {
    count += 1
  }
}

/** Pushes when the parent says so. */
async function produce(push, { jobs, inFlight, bytes, bulk = 1 }) {
  const data = { text: 'x'.repeat(bytes) }
  process.once('message', () => void run())
  async function run() {
    const latencies = []
    let left = jobs
    const lane = async () => {
      while (left > 0) {
        const size = Math.min(bulk, left)
        left -= size
        const startMs = performance.now()
        await push(Array.from({ length: size }, () => data))
        latencies.push((performance.now() - startMs) * 1e6)
      }
    }
    await Promise.all(Array.from({ length: Math.ceil(inFlight / bulk) }, lane))
    process.send({ type: 'pushed', latencyNanos: percentiles(latencies) })
  }
}
