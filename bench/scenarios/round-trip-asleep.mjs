import { measureEcho } from '../support/echo.mjs'
import { pingPong } from '../support/ping-pong.mjs'
import { scenario as roundTrip } from './round-trip.mjs'

/** Long enough for both event loops to fall asleep. */
const PAUSE_MS = 1

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  ...roundTrip,
  title: 'Round trip, both asleep, 64 B',
  question: `How long does it take when both must be woken? A pause of ${PAUSE_MS} ms before each message; shmwire does not poll.`,
  variants: ['shmwire-sleep'],
  leavesOut: { shmwire: "it polls; the row with wait: 'sleep' is in the table" },
  forms: { quick: true },

  measure(connection, options) {
    const pause = (send) => void setTimeout(() => send(), PAUSE_MS)
    return measureEcho(connection, options, (durationMs) =>
      pingPong(connection, { messageBytes: options.messageBytes, durationMs, pause }),
    )
  },
}
