import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { clearTimeout, setTimeout } from '../../host.js'
import { type ErrorForm, errorText, PROBLEM_CONTENT_TYPE, plainAnswer } from './error-answer.js'
import { JSON_TYPE } from './replies.js'
import { SECURITY_HEADERS } from './security-headers.js'

/** What Node found wrong with a request, by its code. */
const FAULTS: ReadonlyMap<unknown, readonly [statusCode: number, message: string]> = new Map([
  ['HPE_HEADER_OVERFLOW', [431, 'the headers are too long']],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', [413, 'the chunks of the body have too long extensions']],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'the request was not complete in time']],
])

/** A client takes the reply within this time. */
const LAST_BYTES_MS = 1_000

interface AnsweringSocket extends Duplex {
  readonly _httpMessage?: ServerResponse | null
}

/** Answers bytes that are not a request, in the form of all other errors, and ends the connection. */
export function answerClientError(form: ErrorForm): (error: Error, socket: Duplex) => void {
  return (error, socket) => {
    const [statusCode, message] = FAULTS.get((error as { code?: unknown }).code) ?? [
      400,
      'this is not a request of HTTP',
    ]
    // The connection has broken, or the reply to an earlier request is on its way.
    if (!socket.writable || (socket as AnsweringSocket)._httpMessage?.headersSent === true) {
      socket.destroy()
      return
    }
    const { headers, body } = replyOf(statusCode, message, form)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n${lines.join('')}\r\n${body}`)
    // A client that does not close its side would keep the connection. At once, the reply could be lost.
    const timer = setTimeout(() => socket.destroy(), LAST_BYTES_MS).unref()
    socket.once('close', () => clearTimeout(timer))
  }
}

/** Answers a request with a header `expect` that the server cannot meet. */
export function answerExpectation(
  form: ErrorForm,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (_request, response) => {
    const { headers, body } = replyOf(417, 'the server cannot meet what the header expect demands', form)
    response.writeHead(417, headers).end(body)
  }
}

function replyOf(
  statusCode: number,
  message: string,
  form: ErrorForm,
): { readonly headers: Record<string, string>; readonly body: string } {
  const body = errorText(plainAnswer(statusCode, message), form)
  const headers = {
    ...SECURITY_HEADERS,
    'cache-control': 'no-store',
    'content-type': form === 'problem' ? PROBLEM_CONTENT_TYPE : JSON_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  return { headers, body }
}
