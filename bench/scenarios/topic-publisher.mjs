import { publishTo } from '../messaging/publisher.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: "Publisher's CPU time, 64 B",
  question:
    "How much of the publisher's CPU time does a message take when its subscribers need no wake-up? The ratio compares with one subscriber.",
  headline: {
    name: 'CPU a message',
    unit: 'nanoseconds',
    of: ({ cpuSecondsPerMillion }) => cpuSecondsPerMillion.client * 1000,
  },
  options: { messageBytes: 64, expectedMs: 700 },
  reference: 'shmwire-one',
  forms: { smoke: true },
  setups: {
    'shmwire-one': {
      title: 'shmwire, topic, 1 subscriber',
      transport: 'shm',
      measure: (options) => publishTo(1, options),
    },
    'shmwire-eight': {
      title: 'shmwire, topic, 8 subscribers',
      transport: 'shm',
      measure: (options) => publishTo(8, options),
    },
  },
}
