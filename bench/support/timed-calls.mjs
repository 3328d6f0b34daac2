import { percentiles } from './figures.mjs'
import { isEcho, stamp } from './ping-pong.mjs'

/** A repetition ends early at this number: 32 MiB of samples. */
const SAMPLES_MAX = 4 * 1024 * 1024
/** The same memory for warm-up and measurement. */
let samples

/** Makes one blocking call after the other. Each returns the echo of its message. */
export function timedCalls(call, messageBytes, durationMs) {
  samples ??= new Float64Array(SAMPLES_MAX)
  const message = Buffer.alloc(messageBytes)
  const beginMs = performance.now()
  for (let count = 0; ; ) {
    stamp(message, count)
    const sentMs = performance.now()
    const echo = call(message)
    const nowMs = performance.now()
    if (!isEcho(echo, messageBytes, count)) throw new Error(`the echo of message ${count} is another`)
    samples[count] = (nowMs - sentMs) * 1e6
    count += 1
    if (nowMs - beginMs < durationMs && count < SAMPLES_MAX) continue
    const latencyNanos = () => percentiles(samples.subarray(0, count))
    return { messages: count, seconds: (nowMs - beginMs) / 1000, latencyNanos }
  }
}
