import { overBullmq, overStore } from '../messaging/durable-queue.mjs'

const JOBS = 10_000
const IN_FLIGHT = 1_000
const BULK = 100

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Durable queue, 100 B',
  question: `How many of ${JOBS.toLocaleString('en')} jobs are finished in a second when a push resolves after the disk has the job? ${IN_FLIGHT.toLocaleString('en')} pushes in transit, two workers. BullMQ uses redis-server with \`appendfsync always\`. The ratio compares with BullMQ's \`addBulk\`.`,
  latency: 'from a push to its confirmation',
  headline: { name: 'jobs', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { messageBytes: 100, jobs: JOBS, inFlight: IN_FLIGHT, expectedMs: 2500, extraMs: 60_000 },
  lengths: { quick: { jobs: 2_000 } },
  reference: 'bullmq-bulk',
  setups: {
    shmwire: { title: 'shmwire, queue with a store', transport: 'shm', measure: overStore },
    bullmq: {
      title: 'BullMQ, add',
      transport: 'redis',
      packages: ['bullmq'],
      commands: ['redis-server'],
      measure: (options) => overBullmq(undefined, options),
    },
    'bullmq-bulk': {
      title: `BullMQ, addBulk of ${BULK}`,
      transport: 'redis',
      packages: ['bullmq'],
      commands: ['redis-server'],
      measure: (options) => overBullmq(BULK, options),
    },
  },
}
