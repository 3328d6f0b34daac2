import { BatchedStreamConnection } from '../support/batched-stream.mjs'
import { streamBaseline } from '../support/stream-baseline.mjs'

/**
 * The loopback interface without Nagle's algorithm, otherwise like unix-socket.mjs.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = streamBaseline(
  'TCP loopback, batched writes',
  'tcp',
  (socket) => new BatchedStreamConnection(socket, 'tcp'),
)
