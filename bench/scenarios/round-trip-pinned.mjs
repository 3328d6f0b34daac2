import { onlyUnixSockets } from '../support/only-unix-sockets.mjs'
import { scenario as roundTrip } from './round-trip.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  ...roundTrip,
  title: 'Round trip on one core, 64 B',
  question:
    'How long does it take with fewer cores than pollers? Both processes on one core; shmwire in its default wait mode, and in the mode that never sleeps.',
  variants: ['shmwire-spin'],
  leavesOut: onlyUnixSockets('this scenario compares the wait modes with Unix sockets'),
  options: { ...roundTrip.options, pinned: true },
  forms: { quick: true },
}
