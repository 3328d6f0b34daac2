import { percentiles } from './figures.mjs'
import { isEcho, stamp } from './ping-pong.mjs'

/**
 * Keeps `requests` messages in transit, whose echoes may arrive in any order, until the time has elapsed; then awaits the last ones.
 * Each echo must be that of a message in transit.
 */
export function inTransit(connection, { messageBytes, requests }, durationMs) {
  return new Promise((resolve, reject) => {
    const samples = []
    const message = Buffer.alloc(messageBytes)
    const sentMs = new Map()
    let sent = 0
    const send = () => {
      stamp(message, sent)
      sentMs.set(sent, performance.now())
      sent += 1
      if (!connection.trySend(message)) reject(new Error(`no room for ${requests} messages`))
    }
    connection.onMessage = (echo) => {
      const nowMs = performance.now()
      const number = echo.readUInt32LE(0)
      const beganMs = sentMs.get(number)
      if (beganMs === undefined || !isEcho(echo, messageBytes, number))
        return reject(new Error(`an echo of no message in transit: ${number}`))
      sentMs.delete(number)
      samples.push((nowMs - beganMs) * 1e6)
      if (nowMs - beginMs < durationMs) return send()
      if (sentMs.size > 0) return
      const seconds = (nowMs - beginMs) / 1000
      resolve({ messages: samples.length, seconds, latencyNanos: () => percentiles(samples) })
    }
    connection.onClose = () => reject(new Error('the connection closed'))
    const beginMs = performance.now()
    for (let count = 0; count < requests; count += 1) send()
  })
}
