import { scenario as memory } from './memory.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  ...memory,
  title: 'Shared memory of an idle channel',
  question: `How much shared memory does one more open channel take, on which no message was sent? Default options, the mean of ${memory.options.connections}. The figure is that of the machine, so no other program may create shared memory meanwhile.`,
  headline: {
    name: 'shared memory',
    unit: 'kibibytes',
    of: ({ sharedBytesPerChannel }) => sharedBytesPerChannel,
  },
  cases: undefined,
  competitors: ['shmwire', 'shmwire-socket'],
  forms: { quick: true },
}
