import { readCell } from '../messaging/cell.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Cell, 1 KiB',
  question:
    'How long does a watch take for `get` of a value in shared memory: of one that stays, and of one that is new at each call? One process, so its CPU time includes the calls of `set`. The ratio compares with the value that stays.',
  headline: { name: 'mean', unit: 'nanoseconds', of: ({ meanNanos }) => meanNanos },
  options: { messageBytes: 1024 },
  reference: 'shmwire-same',
  forms: { smoke: true },
  setups: {
    'shmwire-same': {
      title: 'shmwire, cell, value that stays',
      transport: 'shm',
      measure: (options) => readCell(false, options),
    },
    'shmwire-new': {
      title: 'shmwire, cell, new value',
      transport: 'shm',
      measure: (options) => readCell(true, options),
    },
  },
}
