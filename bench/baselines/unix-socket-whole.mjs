import { BatchedStreamConnection } from '../support/batched-stream.mjs'
import { streamBaseline } from '../support/stream-baseline.mjs'

/**
 * The fair competitor for long messages: `node:net` on a Unix socket, whose receiver gets whole messages. The length and
 * the message leave in one call without a copy, and the receiver copies the chunks into one Buffer of that length.
 * @type {import('./baseline.js').Baseline}
 */
export const baseline = {
  ...streamBaseline('net, whole messages', 'unix', (socket) => new BatchedStreamConnection(socket, 'unix')),
  isVariant: true,
}
