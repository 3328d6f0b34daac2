import { constants, type ServerHttp2Stream } from 'node:http2'
import { clearTimeout, setTimeout } from '../../host.js'

/** How long a client may take to read the end of an answer and to end its side. */
const CLIENT_END_MS = 1_000
const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

/** Resets a stream whose answer is sent if its client still sends: it would keep the stream open. */
export function stopClient(stream: ServerHttp2Stream): void {
  if (!stream.closed && !stream.readableEnded) resetLater(stream)
}

/** Resets a stream unless it closes in time. Not at once: see docs/decisions/0084-resets-of-answered-streams.md. */
export function resetLater(stream: ServerHttp2Stream): void {
  const reset = (): void => stream.close(stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL)
  const timer = setTimeout(reset, CLIENT_END_MS).unref()
  stream.once('close', () => clearTimeout(timer))
}
