import { measureEcho, serveEcho } from '../support/echo.mjs'
import { onlyUnixSockets } from '../support/only-unix-sockets.mjs'
import { pingPong } from '../support/ping-pong.mjs'

const GAP_MICROS_MIN = 50
const GAP_MICROS_MAX = 2000
/** From this gap on, a timer with its unit of a millisecond can sleep for a part of it. */
const TIMER_MICROS_MIN = 1200
const SEED = 0x9e37_79b9

const LEFT_OUT = 'this scenario tests shmwire for lost wake-ups, and takes long'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Requests with random gaps, 64 B',
  question: `Is any wake-up lost or late? Each request is sent ${GAP_MICROS_MIN} to ${GAP_MICROS_MAX} µs after the last reply, so that the other side is polling, falling asleep, or asleep. Every wait mode.`,
  latency: 'from the sending of a message to the arrival of its echo',
  headline: { name: 'longest', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.max },
  options: { messageBytes: 64, extraMs: 60_000, requests: 2_500, expectedMs: 2_700 },
  variants: ['shmwire-sleep', 'shmwire-spin'],
  leavesOut: { ...onlyUnixSockets(LEFT_OUT), 'unix-socket': LEFT_OUT },
  serve: serveEcho,

  measure(connection, options) {
    const { messageBytes, requests } = options
    const pause = randomPauses()
    return measureEcho(connection, options, (durationMs, isWarmUp) =>
      pingPong(connection, {
        messageBytes,
        durationMs: isWarmUp ? durationMs : Number.POSITIVE_INFINITY,
        messagesMax: requests,
        pause,
      }),
    )
  },
}

/** The same gaps for every competitor, and three types of waiting: blocked, in a running or a sleeping event loop. */
function randomPauses() {
  let state = SEED
  const random = () => {
    // Marsaglia, Xorshift RNGs, 2003.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  const word = new Int32Array(new SharedArrayBuffer(4))
  return (next) => {
    const micros = GAP_MICROS_MIN + random() * (GAP_MICROS_MAX - GAP_MICROS_MIN)
    const untilMs = performance.now() + micros / 1000
    if (random() < 0.5) {
      Atomics.wait(word, 0, 0, micros / 1000)
      return next()
    }
    const turn = () => {
      if (performance.now() >= untilMs) next()
      else setImmediate(turn)
    }
    if (micros >= TIMER_MICROS_MIN) setTimeout(turn, 1)
    else setImmediate(turn)
  }
}
