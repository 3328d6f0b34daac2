import { overTopic, overZeromq, SUBSCRIBERS } from '../messaging/topic.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: `Topic to ${SUBSCRIBERS} subscribers, 64 B`,
  question: `How many messages do ${SUBSCRIBERS} subscribers, each a process of its own, receive in a second, all of them together? Messages that arrive after the publisher has stopped do not count. The ratio compares with zeromq.js.`,
  headline: { name: 'deliveries', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { messageBytes: 64, expectedMs: 700 },
  reference: 'zeromq',
  forms: { quick: true },
  setups: {
    shmwire: { title: 'shmwire, topic', transport: 'shm', measure: overTopic },
    zeromq: {
      title: 'zeromq.js, PUB over ipc',
      transport: 'ipc',
      packages: ['zeromq'],
      measure: overZeromq,
    },
  },
}
