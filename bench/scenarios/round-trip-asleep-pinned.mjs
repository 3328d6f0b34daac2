import { onlyUnixSockets } from '../support/only-unix-sockets.mjs'
import { scenario as asleep } from './round-trip-asleep.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  ...asleep,
  title: 'Round trip on one core, both asleep, 64 B',
  question: `${asleep.question} Both processes on one core.`,
  options: { ...asleep.options, pinned: true },
  leavesOut: {
    ...asleep.leavesOut,
    ...onlyUnixSockets('this scenario compares the wait modes with Unix sockets'),
  },
  forms: {},
}
