// A client of node:http2 that makes calls in lanes, more than the limit of streams, and ends its side of each after the answer.
//   new Worker(file, { workerData: { port, path, lanes, calls } })     posts the number of calls for each way in which they ended
import { connect } from 'node:http2'
import { parentPort, workerData } from 'node:worker_threads'

const { port, path, lanes, calls } = workerData
/** An empty message of gRPC. */
const MESSAGE = Buffer.alloc(5)
const SEND_EVERY_MS = 2

const ends = {}
const session = connect(`http://127.0.0.1:${port}`)
session.on('error', (error) => count(error.message))
await new Promise((resolve) => session.once('remoteSettings', resolve))
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let number = 0; number < calls && !session.destroyed; number += 1) await call()
  }),
)
session.destroy()
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort.postMessage(ends)

function call() {
  return new Promise((resolve) => {
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
    const stream = session.request(headers)
    let status = 'no status'
    for (const event of ['response', 'trailers'])
      stream.on(event, (fields) => {
        status = fields['grpc-status'] ?? status
      })
    stream.on('error', (error) => count(error.message))
    stream.write(MESSAGE)
    const timer = setInterval(() => stream.write(MESSAGE), SEND_EVERY_MS)
    stream.resume()
    stream.on('end', () => {
      clearInterval(timer)
      stream.end()
    })
    stream.on('close', () => {
      clearInterval(timer)
      count(`status ${status}`)
      resolve()
    })
  })
}

function count(end) {
  ends[end] = (ends[end] ?? 0) + 1
}
