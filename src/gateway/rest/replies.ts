import type { FastifyReply, FastifyRequest } from 'fastify'
import { timeOfDayMs } from '../../host.js'
import type { Metadata } from '../../service/call/metadata.js'
import { CACHE_NONE } from './cache-rules.js'
import { COMPRESSED_BYTES_MIN, contentCodingOf, encodeBody } from './content-coding.js'
import { entityTagOf, isCurrent } from './entity-tag.js'
import { errorAnswer, errorFormOf, errorText, PROBLEM_CONTENT_TYPE } from './error-answer.js'
import type { Exchange } from './exchange.js'
import type { StoredAnswer } from './idempotency-store.js'
import type { RestSettings } from './rest-options.js'

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The first status code of an error. */
const ERRORS = 400

/** A reply that is not a stream. */
export interface PlainReply {
  readonly status: number
  readonly headers: Record<string, string>
  /** Undefined: there is none. */
  readonly body: string | Uint8Array | undefined
  /** The text whose hash is the entity tag. Undefined: the reply has none. */
  readonly tagged: string | undefined
}

/** Makes and sends the replies of a gateway that are not streams. */
export class Replies {
  readonly #settings: RestSettings
  readonly #challenge: string | undefined

  constructor(settings: RestSettings) {
    this.#settings = settings
    this.#challenge = settings.admission.challenge
  }

  /** The reply with the answer of a service. */
  answer({ route, headers: metadata }: Exchange, message: unknown): PlainReply {
    const { form, binding, cacheControl } = route
    const { version } = this.#settings
    const headers: Record<string, string> = { 'cache-control': cacheControl }
    this.addHeaders(headers, metadata)
    if (form.emptyOutput && version === undefined)
      return { status: 204, headers, body: undefined, tagged: undefined }
    headers['content-type'] = JSON_TYPE
    const data = form.textOf(message, binding.responseBody)
    const isTagged = binding.method === 'GET' && headers['cache-control'] !== CACHE_NONE
    return {
      status: 200,
      headers,
      body: version === undefined ? data : wrapped(data, version),
      tagged: isTagged ? data : undefined,
    }
  }

  /** The reply for an error. */
  failure({ headers: { accept } }: FastifyRequest, error: unknown): PlainReply {
    const answer = errorAnswer(error)
    const form = errorFormOf(accept, this.#settings.errors)
    const headers: Record<string, string> = { ...answer.headers, 'cache-control': CACHE_NONE }
    headers['content-type'] = form === 'problem' ? PROBLEM_CONTENT_TYPE : JSON_TYPE
    if (answer.statusCode === 401 && this.#challenge !== undefined)
      headers['www-authenticate'] = this.#challenge
    return { status: answer.statusCode, headers, body: errorText(answer, form), tagged: undefined }
  }

  /** Throws the error 406 for a request whose answer could not be sent, before its call runs. */
  checkCoding({ headers }: FastifyRequest): void {
    const accepted = headers['accept-encoding']
    if (this.#settings.compression) contentCodingOf(accepted, COMPRESSED_BYTES_MIN)
  }

  /** Sends a reply: compressed, or as a 304 without its body, if the client asks for it. */
  send(request: FastifyRequest, reply: FastifyReply, { status, headers, body, tagged }: PlainReply): unknown {
    reply.code(status)
    for (const name in headers) reply.header(name, headers[name])
    if (body === undefined) return reply.send()
    if (!this.#settings.compression || status >= ERRORS) {
      if (tagged !== undefined && this.#isUnchanged(request, reply, tagged, 'identity'))
        return reply.code(304).send()
      return reply.send(body)
    }
    reply.header('vary', 'accept-encoding')
    const bytes = Buffer.from(body)
    const coding = contentCodingOf(request.headers['accept-encoding'], bytes.length)
    if (tagged !== undefined && this.#isUnchanged(request, reply, tagged, coding))
      return reply.code(304).send()
    if (coding === 'identity') return reply.send(body)
    reply.header('content-encoding', coding)
    return Promise.resolve(encodeBody(bytes, coding)).then((encoded) => reply.send(encoded))
  }

  /** Adds the headers that the service has set, as far as they pass. */
  addHeaders(headers: Record<string, string>, metadata: Metadata | undefined): void {
    if (metadata === undefined) return
    for (const [name, value] of metadata)
      if (typeof value === 'string' && this.#settings.headers.returns(name)) headers[name] = value
  }

  /** Sets the header `etag`, unless the service has. */
  #isUnchanged(
    request: FastifyRequest,
    reply: FastifyReply,
    text: string,
    coding: 'br' | 'gzip' | 'identity',
  ): boolean {
    let tag = reply.getHeader('etag') as string | undefined
    if (tag === undefined) {
      tag = entityTagOf(text, coding)
      // The time in the envelope is another one each time.
      reply.header('etag', this.#settings.version === undefined ? tag : `W/${tag}`)
    }
    const header = request.headers['if-none-match']
    return header !== undefined && isCurrent(header, tag.replace(/^W\//, ''))
  }
}

/** For a store of replies. */
export function storedOf({ status, headers, body = '' }: PlainReply): StoredAnswer {
  return { status, headers, body: Buffer.from(body) }
}

/** The reply of a store. */
export function replyOf({ status, headers, body }: StoredAnswer): PlainReply {
  const replayed = { ...headers, 'idempotency-replayed': 'true' }
  return { status, headers: replayed, body: body.length === 0 ? undefined : body, tagged: undefined }
}

/** The text of the envelope around the text of an answer. */
function wrapped(data: string, version: string): string {
  const timestamp = new Date(timeOfDayMs()).toISOString()
  return `{"data":${data},"meta":{"timestamp":"${timestamp}","version":${JSON.stringify(version)}}}`
}
