import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { LightSignal } from '../../light-signal.js'
import type { RequestOutcome } from '../../observe/gateway-recorder.js'
import type { Identity } from '../../peer.js'
import type { CallOptions } from '../../service/call/call-context.js'
import { isMetadataText, type Metadata } from '../../service/call/metadata.js'
import { EVENT_ID_BYTES_MAX } from '../../wire/call-records.js'
import type { GatewayClient } from '../authenticator.js'
import { verifiedCertificate } from '../verified-certificate.js'
import type { HeaderRules } from './header-rules.js'
import { HttpError } from './http-error.js'
import type { ServiceRoute } from './service-routes.js'

/** One request for a method, until its reply has ended. */
export class Exchange {
  readonly route: ServiceRoute
  /** The values of the variables of the path. */
  readonly variables: readonly string[]
  readonly correlationId: string
  /** The IP address of the client. */
  readonly address: string
  /** The call begins and continues also when the client goes away. */
  outlivesClient = false
  /** The answer has ended with an error after its headers, so that its status code says nothing. */
  failure: Exclude<RequestOutcome, 'ok'> | undefined
  identity: Identity | undefined
  /** The headers of the service's answer. */
  headers: Metadata | undefined
  readonly #signal = new LightSignal()
  #onEnd: ((outcome: RequestOutcome) => void) | undefined

  constructor(
    { raw }: FastifyRequest,
    reply: FastifyReply,
    route: ServiceRoute,
    variables: readonly string[],
    address: string,
    correlationId: string,
    onEnd: (outcome: RequestOutcome) => void,
  ) {
    this.#onEnd = onEnd
    this.route = route
    this.variables = variables
    this.address = address
    this.correlationId = correlationId
    this.#watchClient(raw.socket, reply.raw)
  }

  /** Fires when the client goes away. For this package only; see LightSignal. */
  get signal(): AbortSignal {
    return this.#signal.asAbortSignal
  }

  /** The options of the call. */
  callOptions({ headers }: FastifyRequest, rules: HeaderRules): CallOptions {
    const options: CallOptions = {
      timeoutMs: this.route.timeoutMs,
      signal: this.signal,
      // Without a statement, the service would take the client for this process.
      identity: this.identity ?? null,
      metadata: rules.metadataOf(headers, this.correlationId),
      onHeaders: (received) => {
        this.headers = received
      },
    }
    const lastEventId = lastEventIdOf(headers['last-event-id'])
    if (lastEventId !== undefined) options.lastEventId = lastEventId
    return options
  }

  /** Cancels the call. */
  abort(reason: unknown): void {
    this.#signal.abort(reason)
  }

  #outcomeOf({ statusCode, headersSent }: ServerResponse): RequestOutcome {
    if (this.failure !== undefined) return this.failure
    if (headersSent && statusCode >= 500) return 'serverError'
    // Without headers, the client has gone away before.
    return !headersSent || statusCode >= 400 ? 'clientError' : 'ok'
  }

  /** A client can go away at any time, also before its call begins. */
  #watchClient(socket: Socket, response: ServerResponse): void {
    const closed = (): void => {
      this.#onEnd?.(this.#outcomeOf(response))
      this.#onEnd = undefined
      if (!response.writableFinished && !this.outlivesClient)
        this.abort(new ShmwireError(ErrorCode.ABORTED, 'the client has gone away'))
    }
    response.once('close', closed)
    if (response.socket !== null) return
    // Behind an earlier request of its connection, a reply that has not begun does not close with the connection.
    socket.setMaxListeners(0)
    socket.once('close', closed)
    response.once('close', () => socket.off('close', closed))
  }
}

/** The client of a request. */
export function clientOf({ raw, headers }: FastifyRequest, address: string): GatewayClient {
  const { socket } = raw
  const certificate = verifiedCertificate(socket)
  return { address, certificate, headers }
}

function lastEventIdOf(id: string | string[] | undefined): string | undefined {
  if (id === undefined || id === '') return undefined
  if (typeof id === 'string' && id.length <= EVENT_ID_BYTES_MAX && isMetadataText(id)) return id
  throw new HttpError(400, 'INVALID_ARGUMENT', 'the header last-event-id is not an id of this gateway')
}
