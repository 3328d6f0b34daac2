import { constants, type ServerHttp2Stream } from 'node:http2'
import { clearTimeout, setTimeout } from '../../host.js'

/** How long a client may take to end its side of a stream after the answer. */
const CLIENT_END_MS = 1_000

/**
 * Resets a stream whose answer is sent, unless its client ends its side in time: a client that still sends would keep the stream open. Not at
 * once: see docs/decisions/0084-resets-of-answered-streams.md.
 */
export function resetLater(stream: ServerHttp2Stream): void {
  if (stream.closed || stream.readableEnded) return
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), CLIENT_END_MS).unref()
  stream.once('close', () => clearTimeout(timer))
}
