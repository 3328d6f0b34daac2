// Clients of HTTP that send their headers a byte at a time, and clients that do not read their answers. The gateway must end both.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { HEADERS_TIMEOUT_MS, STALL_MS } from '../../test/process/children/load/limits.mjs'

const SENDERS = 20
const READERS = 3
const BYTE_MS = 200
/** The gateway looks for slow clients from time to time. */
const LATE_MS = 1_500
const WAIT_MS = 20_000

/** Resolves to the faults, and how many clients the gateway has ended. */
export async function runSlowClients(port, durationMs) {
  const begun = performance.now()
  const senders = Array.from({ length: SENDERS }, () => sendSlowly(port))
  const readers = Array.from({ length: READERS }, () => readNothing(port))
  const endings = await Promise.all([...senders, ...readers])
  await sleep(Math.max(0, durationMs - (performance.now() - begun)))
  return {
    ended: endings.filter((fault) => fault === undefined).length,
    clients: endings.length,
    faults: endings.filter((fault) => fault !== undefined),
  }
}

/** Resolves to the fault, or undefined if the gateway has ended the connection. */
function sendSlowly(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const timer = setInterval(() => socket.write('a'), BYTE_MS)
    const limit = setTimeout(() => end(`a client that sends slowly was not ended in ${WAIT_MS} ms`), WAIT_MS)
    function end(fault) {
      clearInterval(timer)
      clearTimeout(limit)
      socket.destroy()
      resolve(fault)
    }
    socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ')
    // What the gateway answers does not matter.
    socket.resume()
    socket.on('error', () => {})
    socket.on('close', () => end(undefined))
  })
}

async function readNothing(port) {
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  let bytes = 0
  let expected
  socket.on('error', () => {})
  socket.write('GET /api/v1/users/999999 HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await sleep(HEADERS_TIMEOUT_MS + STALL_MS + LATE_MS)
  socket.on('data', (part) => {
    expected ??= Number(/content-length: (\d+)/i.exec(part.toString('latin1'))?.[1])
    bytes += part.length
  })
  // The gateway has ended the connection, so the rest arrives at once.
  const isClosed = await Promise.race([closed.then(() => true), sleep(LATE_MS, false)])
  socket.destroy()
  if (!isClosed) return 'the connection of a client that reads nothing was not ended'
  return bytes > 0 && bytes < expected ? undefined : `a client that read nothing got ${bytes} of ${expected} bytes`
}
