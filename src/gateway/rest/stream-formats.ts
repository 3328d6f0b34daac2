import { type ErrorAnswer, errorText } from './error-answer.js'

/** How the messages of a stream become the body of a reply. */
export interface StreamFormat {
  readonly contentType: string
  /** The beginning of the body. `lastEventId`: where the stream continues. */
  begin(lastEventId: string | undefined): string
  /** One message. `eventId`: that of `tracked`. */
  message(text: string, isFirst: boolean, eventId: string | undefined): string
  /** The end of a complete stream. */
  end(isEmpty: boolean): string
  /** The end of a stream that has failed. Undefined: the format has none, so the connection breaks. */
  failure(answer: ErrorAnswer): string | undefined
  /** Keeps the connection alive. Undefined: the format has no such text. */
  readonly heartbeat: string | undefined
}

/** When a browser connects again, in milliseconds. */
const RETRY_MS = 2_000

/** https://html.spec.whatwg.org/multipage/server-sent-events.html. JSON has no line breaks. */
const EVENTS: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  // Without the id, a client that reconnects before the first event would begin again.
  begin: (lastEventId) => `retry: ${RETRY_MS}\n${lastEventId === undefined ? '' : `id: ${lastEventId}\n`}\n`,
  message: (text, _isFirst, eventId) =>
    eventId === undefined ? `data: ${text}\n\n` : `id: ${eventId}\ndata: ${text}\n\n`,
  // Without it, the end would look like a broken connection, and a client would begin again.
  end: () => 'event: end\ndata: {}\n\n',
  failure: (answer) => `event: error\ndata: ${errorText(answer, 'envelope')}\n\n`,
  heartbeat: ':\n\n',
}

const LINES: StreamFormat = {
  contentType: 'application/x-ndjson; charset=utf-8',
  begin: () => '',
  message: (text) => `${text}\n`,
  end: () => '',
  failure: (answer) => `${errorText(answer, 'envelope')}\n`,
  heartbeat: undefined,
}

const ARRAY: StreamFormat = {
  contentType: 'application/json; charset=utf-8',
  begin: () => '',
  message: (text, isFirst) => (isFirst ? `[${text}` : `,\n${text}`),
  end: (isEmpty) => (isEmpty ? '[]' : ']'),
  failure: () => undefined,
  heartbeat: undefined,
}

/** By media type; the first one for clients that accept all. */
export const STREAM_FORMATS = {
  'application/json': ARRAY,
  'application/x-ndjson': LINES,
  'text/event-stream': EVENTS,
} as const satisfies Readonly<Record<string, StreamFormat>>

/** The media types of streams. */
export const STREAM_TYPES = Object.keys(STREAM_FORMATS) as (keyof typeof STREAM_FORMATS)[]
