import { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { timeOfDayMs } from '../../host.js'
import type { Metadata } from '../../service/call/metadata.js'
import { type ErrorAnswer, errorFormOf, errorText, PROBLEM_TYPE } from './error-answer.js'
import type { Exchange } from './exchange.js'
import { CORRELATION_ID } from './header-rules.js'
import type { RestSettings } from './rest-options.js'
import { SECURITY_HEADERS, STRICT_TRANSPORT_SECURITY } from './security-headers.js'

export const JSON_TYPE = 'application/json; charset=utf-8'
const NO_STORE = 'no-store'
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD']

/** Sends the replies of a gateway that are not streams. */
export class Replies {
  readonly #settings: RestSettings
  readonly #challenges: readonly string[]

  constructor(settings: RestSettings) {
    this.#settings = settings
    this.#challenges = settings.admission.authenticators.map(({ challenge }) => challenge)
  }

  /** Sets the headers of every reply. */
  begin(reply: FastifyReply): void {
    for (const name in SECURITY_HEADERS) reply.header(name, SECURITY_HEADERS[name])
    if (reply.request.raw.socket instanceof TLSSocket)
      reply.header('strict-transport-security', STRICT_TRANSPORT_SECURITY)
  }

  /** Sets the header with the name of the request. */
  identify(reply: FastifyReply, { correlationId }: Exchange): void {
    reply.header(CORRELATION_ID, correlationId)
  }

  /** Sends the answer of a service. */
  send(reply: FastifyReply, exchange: Exchange, message: unknown): void {
    const { form, binding } = exchange.route
    const { version } = this.#settings
    if (!SAFE_METHODS.includes(binding.method)) reply.header('cache-control', NO_STORE)
    this.addHeaders(reply, exchange.headers)
    if (form.emptyOutput && version === undefined) {
      reply.code(204).send()
      return
    }
    const data = form.textOf(message, binding.responseBody)
    reply.header('content-type', JSON_TYPE)
    reply.send(version === undefined ? data : wrapped(data, version))
  }

  /** Sends an error. */
  fail(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): void {
    const form = errorFormOf(request.headers.accept, this.#settings.errors)
    reply.code(answer.statusCode).header('cache-control', NO_STORE)
    reply.header('content-type', form === 'problem' ? PROBLEM_TYPE : JSON_TYPE)
    if (answer.headers !== undefined) reply.headers(answer.headers)
    if (answer.statusCode === 401 && this.#challenges.length > 0)
      reply.header('www-authenticate', this.#challenges.join(', '))
    reply.send(errorText(answer, form))
  }

  /** Sets the headers that the service has set, as far as they pass. */
  addHeaders(reply: FastifyReply, metadata: Metadata | undefined): void {
    if (metadata === undefined) return
    for (const [name, value] of metadata)
      if (typeof value === 'string' && this.#settings.headers.returns(name)) reply.header(name, value)
  }
}

/** The text of the envelope around the text of an answer. */
function wrapped(data: string, version: string): string {
  const timestamp = new Date(timeOfDayMs()).toISOString()
  return `{"data":${data},"meta":{"timestamp":"${timestamp}","version":${JSON.stringify(version)}}}`
}
