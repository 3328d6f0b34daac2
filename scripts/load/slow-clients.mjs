// Clients of HTTP that send their headers a byte at a time, and clients that do not read their answers. The gateway must end both.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { STALL_MS } from '../../test/process/children/load/limits.mjs'

const SENDERS = 20
const READERS = 3
const BYTE_MS = 200
/** Node checks after each `STALL_MS` whether the client has read something since the last check, so two of them can pass, and more if it is busy. */
const UNREAD_MS = 2 * STALL_MS + 2_000
const WAIT_MS = 20_000
const RETRY_MS = 200

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
    // The answer of the gateway does not matter.
    socket.resume()
    socket.on('error', () => {})
    socket.on('close', () => end(undefined))
  })
}

/** Reads the beginning of a long answer, and nothing of the rest until the gateway must have given up. */
async function readNothing(port) {
  const endMs = performance.now() + WAIT_MS
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.write('GET /api/v1/users/999999 HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const head = await within(once(socket, 'data'))
    if (head === undefined) return `a long answer did not begin in ${WAIT_MS} ms`
    socket.pause()
    if (head[0].toString('latin1').startsWith('HTTP/1.1 200 ')) return readRest(socket, head[0], closed)
    socket.destroy()
    // The service was just killed.
    if (performance.now() > endMs) return `the service was not there for ${WAIT_MS} ms`
    await sleep(RETRY_MS)
  }
}

async function readRest(socket, head, closed) {
  const expected = Number(/content-length: (\d+)/i.exec(head.toString('latin1'))[1])
  let bytes = head.length
  await sleep(UNREAD_MS)
  socket.on('data', (part) => {
    bytes += part.length
  })
  // The gateway has ended the connection, so the rest is only the content of its buffers.
  socket.resume()
  const isClosed = await within(closed.then(() => true))
  socket.destroy()
  if (isClosed === undefined)
    return `the connection of a client that reads nothing was not ended; it got ${bytes} of ${expected} bytes`
  return bytes < expected ? undefined : `a client that read nothing for ${UNREAD_MS} ms got the whole answer`
}

/** Resolves to undefined if it takes too long. */
async function within(promise) {
  const watchdog = new AbortController()
  const limit = sleep(WAIT_MS, undefined, { signal: watchdog.signal }).catch(() => {})
  try {
    return await Promise.race([promise, limit])
  } finally {
    watchdog.abort()
  }
}
