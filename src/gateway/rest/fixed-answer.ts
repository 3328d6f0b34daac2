import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ContentCoding, contentCodingOf, encodeBody } from './content-coding.js'
import { entityTagOf, isCurrent } from './entity-tag.js'

/** Browsers ask each time, and get a 304 if nothing has changed. */
const CACHE_CONTROL = 'no-cache'

/** Answers all requests with the same body. */
export class FixedAnswer {
  readonly #body: Uint8Array
  readonly #headers: Readonly<Record<string, string>>
  readonly #encoded = new Map<ContentCoding, Uint8Array | Promise<Uint8Array>>()

  /** @param headers those of the reply, with `content-type` */
  constructor(body: string | Uint8Array, headers: Readonly<Record<string, string>>) {
    this.#body = typeof body === 'string' ? Buffer.from(body) : body
    this.#headers = headers
  }

  readonly answer = async ({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const coding = contentCodingOf(headers['accept-encoding'] ?? 'identity', this.#body.length)
    const tag = entityTagOf(this.#body, coding)
    reply.headers({ ...this.#headers, 'cache-control': CACHE_CONTROL, vary: 'accept-encoding', etag: tag })
    if (isCurrent(headers['if-none-match'], tag)) {
      reply.code(304).send()
      return
    }
    if (coding !== 'identity') reply.header('content-encoding', coding)
    reply.send(Buffer.from(await this.#inCoding(coding)))
  }

  #inCoding(coding: ContentCoding): Uint8Array | Promise<Uint8Array> {
    const encoded = this.#encoded.get(coding) ?? encodeBody(this.#body, coding)
    this.#encoded.set(coding, encoded)
    return encoded
  }
}
