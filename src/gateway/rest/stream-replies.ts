import type { FastifyReply, FastifyRequest } from 'fastify'
import { clearTimeout, setTimeout } from '../../host.js'
import { log } from '../../log/log.js'
import { gatewayRequests } from '../../observe/diagnostics-channels.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import type { CallStream } from '../../service/contract/contract-types.js'
import { ServiceError } from '../../service-error.js'
import { preferred } from './accept.js'
import { errorAnswer } from './error-answer.js'
import type { Exchange } from './exchange.js'
import { HttpError } from './http-error.js'
import type { Replies } from './replies.js'
import type { RestSettings } from './rest-options.js'
import { STREAM_FORMATS, STREAM_TYPES } from './stream-formats.js'
import { StreamWriter } from './stream-writer.js'
import { setError } from './traced-request.js'

/** A stream without a message sends its headers after so many milliseconds; an error before has its own status code. */
const HEADERS_MS = 500

/** Sends the replies of a gateway that are streams. */
export class StreamReplies {
  readonly #settings: RestSettings
  readonly #replies: Replies
  readonly #open = new Set<Exchange>()
  /** No further stream begins. */
  #end: Error | undefined

  constructor(settings: RestSettings, replies: Replies) {
    this.#settings = settings
    this.#replies = replies
  }

  /** Answers a request with the messages of its method. Throws an error that occurs before the headers are sent. */
  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    exchange: Exchange,
    message: unknown,
  ): Promise<void> {
    const format = STREAM_FORMATS[preferred(request.headers.accept, STREAM_TYPES) ?? 'application/json']
    reply.header('content-type', format.contentType).header('vary', 'accept')
    // Proxies must not collect or compress the messages.
    reply.header('cache-control', 'no-store, no-transform').header('x-accel-buffering', 'no')
    if (request.method === 'HEAD') {
      reply.send()
      return
    }
    if (this.#end !== undefined) throw this.#end
    if (this.#open.size >= this.#settings.maxStreams)
      throw new HttpError(503, 'UNAVAILABLE', 'there are too many streams; try again later', {
        reason: 'TOO_MANY_STREAMS',
        headers: { 'retry-after': '1' },
      })
    this.#open.add(exchange)
    try {
      await this.#send(request, reply, exchange, message, format)
    } finally {
      this.#open.delete(exchange)
    }
  }

  /** Ends all streams with an error, and refuses further ones. */
  close(): void {
    this.#end = new ServiceError('UNAVAILABLE', 'the gateway is closing')
    for (const exchange of this.#open) exchange.abort(this.#end)
  }

  async #send(
    request: FastifyRequest,
    reply: FastifyReply,
    exchange: Exchange,
    message: unknown,
    format: (typeof STREAM_FORMATS)[keyof typeof STREAM_FORMATS],
  ): Promise<void> {
    const { route, signal } = exchange
    const options = exchange.callOptions(request, this.#settings.headers)
    const stream = route.invoke(message, options) as CallStream<unknown>
    const first = stream.next()
    await settledWithin(first, HEADERS_MS)
    const headers = headersOf(reply)
    this.#replies.addHeaders(headers, exchange.headers)
    reply.hijack()
    reply.raw.writeHead(200, headers)
    const writer = new StreamWriter(reply.raw, format, this.#settings)
    writer.begin(options.lastEventId)
    try {
      await copy(stream, first, writer, exchange)
      writer.end()
    } catch (thrown) {
      // After a call was cancelled, the reason of this gateway counts.
      const error: unknown = signal.aborted ? signal.reason : thrown
      const answer = errorAnswer(error)
      if (isTraced(gatewayRequests)) setError(request, error)
      exchange.failure = answer.statusCode >= 500 ? 'serverError' : 'clientError'
      if (answer.fault) {
        const { guarded, binding } = route
        log(this.#settings.logger, 'gateway.streamFailed', () => ({
          gateway: 'rest',
          httpMethod: request.method,
          route: binding.path,
          service: guarded.service,
          method: guarded.method,
          clientAddress: exchange.address,
          correlationId: exchange.correlationId,
          error,
        }))
      }
      writer.fail(answer)
    }
  }
}

async function copy(
  stream: CallStream<unknown>,
  first: Promise<IteratorResult<unknown, undefined>>,
  writer: StreamWriter,
  { route, signal }: Exchange,
): Promise<void> {
  const { form, binding } = route
  let lastEventId: string | undefined
  try {
    for (let result = await first; result.done !== true; result = await stream.next()) {
      const eventId = stream.lastEventId
      const room = writer.message(
        form.textOf(result.value, binding.responseBody),
        eventId === lastEventId ? undefined : eventId,
      )
      lastEventId = eventId
      if (room !== undefined) await room
      if (signal.aborted) throw signal.reason
    }
  } finally {
    await stream.return()
  }
}

/** Those of hooks of the program, too. */
function headersOf(reply: FastifyReply): Record<string, string> {
  const entries = Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}

/** Resolves when the promise has fulfilled, or after `timeoutMs`. Rejects with its error. */
async function settledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(timeoutMs, TIMEOUT_MS_MAX))
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
