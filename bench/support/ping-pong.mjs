import { percentiles } from './figures.mjs'

/** A repetition ends early at this number: 32 MiB of samples. */
const SAMPLES_MAX = 4 * 1024 * 1024
/** The same memory for warm-up and measurement. */
let samples

/**
 * Sends a message whenever the echo of the last one has arrived and `pause` has called back. Each echo must hold the
 * number of its message at both ends.
 * @param {{ messageBytes: number, durationMs: number, messagesMax?: number, pause?: (next: () => void) => void }} options
 */
export function pingPong(connection, { messageBytes, durationMs, messagesMax = SAMPLES_MAX, pause }) {
  samples ??= new Float64Array(SAMPLES_MAX)
  return new Promise((resolve, reject) => {
    const message = Buffer.alloc(messageBytes)
    let count = 0
    let sentMs = 0
    const send = () => {
      stamp(message, count)
      sentMs = performance.now()
      if (!connection.trySend(message)) reject(new Error('no room for the only message'))
    }
    connection.onMessage = (echo) => {
      const nowMs = performance.now()
      samples[count] = (nowMs - sentMs) * 1e6
      if (!isEcho(echo, messageBytes, count))
        return reject(new Error(`the echo of message ${count} is another`))
      count += 1
      if (nowMs - beginMs >= durationMs || count >= messagesMax) {
        const latencyNanos = () => percentiles(samples.subarray(0, count))
        return resolve({ messages: count, seconds: (nowMs - beginMs) / 1000, latencyNanos })
      }
      if (pause === undefined) send()
      else pause(send)
    }
    connection.onClose = () => reject(new Error('the connection closed'))
    const beginMs = performance.now()
    send()
  })
}

/** Writes the number at both ends of a message. */
export function stamp(message, number) {
  message.writeUInt32LE(number, 0)
  message.writeUInt32LE(number, message.length - 4)
}

export function isEcho(echo, messageBytes, number) {
  return (
    echo.length === messageBytes &&
    echo.readUInt32LE(0) === number &&
    echo.readUInt32LE(messageBytes - 4) === number
  )
}
