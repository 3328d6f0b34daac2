import { overQueue, overZeromq, WORKERS } from '../messaging/queue.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Queue, 64 B',
  question: `How many acknowledged jobs do ${WORKERS} workers, each a process of its own, finish in a second? The queue is in memory. The ratio compares with zeromq.js.`,
  headline: { name: 'jobs', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { messageBytes: 64, expectedMs: 700 },
  reference: 'zeromq',
  setups: {
    shmwire: { title: 'shmwire, queue', transport: 'shm', measure: overQueue },
    zeromq: {
      title: 'zeromq.js, PUSH and PULL over ipc',
      transport: 'ipc',
      packages: ['zeromq'],
      measure: overZeromq,
    },
  },
}
