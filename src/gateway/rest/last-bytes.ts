import type { ServerResponse } from 'node:http'
import { TIMEOUT_MS_MAX } from '../../options.js'

/**
 * Ends the connection of a client that takes nothing of the rest of a complete reply for `stallMs`. Node has no such bound: without it,
 * clients could keep all connections and their replies for ever.
 */
export function boundLastBytes(response: ServerResponse, stallMs: number): void {
  if (stallMs > TIMEOUT_MS_MAX) return
  response.once('prefinish', () => {
    const { socket } = response
    // The usual case: the kernel has taken the whole reply.
    if (socket === null || socket.writableLength === 0) return
    const before = socket.timeout ?? 0
    // Without a listener, node:http ends the connection. Bytes that the client takes begin the time again.
    socket.setTimeout(stallMs)
    // Before node:http sets the time of an idle connection.
    response.prependOnceListener('finish', () => socket.setTimeout(before))
  })
}
