import { BatchedStreamConnection } from '../support/batched-stream.mjs'
import { streamBaseline } from '../support/stream-baseline.mjs'

/**
 * A hand-written alternative to shmwire: `node:net` on a Unix socket, with the messages of a turn in one write.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = streamBaseline(
  'net, batched writes',
  'unix',
  (socket) => new BatchedStreamConnection(socket, 'unix'),
)
