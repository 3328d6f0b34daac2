import type { FastifyReply, FastifyRequest } from 'fastify'
import { CORRELATION_ID, newCorrelation, requestCorrelation } from '../../correlation.js'
import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { log } from '../../log/log.js'
import { gatewayRequests } from '../../observe/diagnostics-channels.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { GatewayRecorder } from '../../observe/gateway-recorder.js'
import type { Identity } from '../../peer.js'
import { isThenable } from '../../thenable.js'
import { checkRate, type RateState, rateHeaders } from '../rate-limits.js'
import { checkPreconditions } from './entity-tag.js'
import { errorAnswer } from './error-answer.js'
import { clientOf, Exchange } from './exchange.js'
import { HttpError } from './http-error.js'
import { surelyDidNotRun } from './idempotency.js'
import { beginIdempotent } from './idempotent-calls.js'
import { boundLastBytes } from './last-bytes.js'
import { pathOf, queryOf } from './path-text.js'
import { type PlainReply, type Replies, replyOf, storedOf } from './replies.js'
import type { RestSettings } from './rest-options.js'
import type { RouteTable } from './route-table.js'
import { setSecurityHeaders } from './security-headers.js'
import type { OwnRoute, Route } from './service-routes.js'
import type { StreamReplies } from './stream-replies.js'
import { beginTraced, continueTraced, setError, setRoute, tracedCorrelation } from './traced-request.js'

/** A request that the gateway has admitted, or answers itself. */
type Admitted = Exchange | OwnRoute

/** The property of requests that the plugin declares, because a WeakMap would cost more. */
export const ADMITTED = Symbol('shmwire.admitted')

type AdmittedRequest = FastifyRequest & { [ADMITTED]: Admitted }

type Done = (error?: Error) => void

/** Servers and proxies should accept so much: RFC 9110, section 4.1. */
const URL_CHARACTERS_MAX = 8_000
/** The identity of a client must be found, and its call allowed, within this time. */
const ADMIT_MS = 10_000

/** Answers the requests of a gateway. */
export class RestCalls {
  readonly #table: RouteTable<Route>
  readonly #settings: RestSettings
  readonly #replies: Replies
  readonly #streams: StreamReplies
  /** Segments of the prefix of the plugin, which the templates do not have. */
  readonly #prefixSegments: number
  readonly #open = new Set<Exchange>()
  /** Counts the requests for methods. */
  readonly recorder = new GatewayRecorder()
  #end: Error | undefined

  constructor(
    table: RouteTable<Route>,
    settings: RestSettings,
    replies: Replies,
    streams: StreamReplies,
    prefix: string,
  ) {
    this.#table = table
    this.#settings = settings
    this.#replies = replies
    this.#streams = streams
    this.#prefixSegments = prefix.split('/').length - 1
  }

  /** Finds the route of a request and decides about its call, before its body is read. */
  readonly onRequest = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    if (isTraced(gatewayRequests)) this.#observe(request, reply, () => this.#begin(request, reply, done))
    else this.#begin(request, reply, done)
  }

  #begin(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    try {
      setSecurityHeaders(request, reply)
      boundLastBytes(reply.raw, this.#settings.stallMs)
      const admitted = this.#route(request, reply)
      if (admitted === undefined) return
      ;(request as AdmittedRequest)[ADMITTED] = admitted
      const decision = admitted instanceof Exchange ? this.#admit(admitted, request, reply) : undefined
      if (decision === undefined) done()
      // oxlint-disable-next-line promise/no-callback-in-promise -- Fastify's hooks take one, and most requests need no promise
      else this.#inTime(admitted as Exchange, decision).then(() => done(), done)
    } catch (error) {
      done(error as Error)
    }
  }

  /** Answers a request that `onRequest` has admitted. */
  readonly handle = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    isTraced(gatewayRequests)
      ? continueTraced(request, () => this.#answer(request, reply))
      : this.#answer(request, reply)

  async #answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const admitted = (request as AdmittedRequest)[ADMITTED]
    if (!(admitted instanceof Exchange)) {
      await admitted.answer(request, reply)
      return reply
    }
    const { route, variables, signal } = admitted
    if (signal.aborted) throw signal.reason
    const { form, binding, method } = route
    this.#replies.checkCoding(request)
    checkPreconditions(request.method, request.headers)
    checkBody(request, binding.body !== '')
    const json = route.request.of(variables, queryOf(request.raw.url as string), request.body)
    const message = json === undefined ? undefined : form.messageOf(json)
    if (method.kind === 'serverStream') await this.#streams.answer(request, reply, admitted, message)
    else await this.#replies.send(request, reply, await this.#replyTo(request, admitted, message))
    return reply
  }

  /** Answers a request that has failed. */
  readonly onError = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    this.#logFault(error, request)
    if (isTraced(gatewayRequests)) setError(request, error)
    void this.#replies.send(request, reply, this.#replies.failure(request, error))
  }

  /** Answers a request that Fastify has no route for. */
  readonly refuse = (request: FastifyRequest, reply: FastifyReply): void => {
    if (isTraced(gatewayRequests)) this.#observe(request, reply, () => this.#refuse(request, reply))
    else this.#refuse(request, reply)
  }

  #refuse(request: FastifyRequest, reply: FastifyReply): void {
    try {
      setSecurityHeaders(request, reply)
      this.#route(request, reply)
    } catch (error) {
      this.onError(error, request, reply)
    }
  }

  /** Ends all calls with an error, and refuses further ones. */
  close(error: Error): void {
    this.#end = error
    for (const exchange of this.#open) exchange.abort(error)
  }

  #observe(request: FastifyRequest, reply: FastifyReply, begin: () => void): void {
    beginTraced(request, reply, this.#addressOf(request), begin)
  }

  /** An observed request has its id from the begin, also a new one. */
  #correlationOf(request: FastifyRequest): string | undefined {
    const observed = isTraced(gatewayRequests) ? tracedCorrelation(request) : undefined
    return observed ?? requestCorrelation(request.headers)
  }

  #addressOf({ raw: { socket }, headers }: FastifyRequest): string {
    return this.#settings.proxies.clientOf(socket.remoteAddress, headers['x-forwarded-for'])
  }

  #logFault(error: unknown, request: FastifyRequest): void {
    if (!errorAnswer(error).fault) return
    const admitted = (request as Partial<AdmittedRequest>)[ADMITTED]
    const exchange = admitted instanceof Exchange ? admitted : undefined
    log(this.#settings.logger, 'gateway.requestFailed', () => ({
      gateway: 'rest',
      httpMethod: request.method,
      // Without the query, which can have secrets.
      path: pathOf(request.url),
      route: exchange?.route.binding.path,
      service: exchange?.route.guarded.service,
      method: exchange?.route.guarded.method,
      clientAddress: this.#addressOf(request),
      correlationId: exchange?.correlationId ?? this.#correlationOf(request),
      error,
    }))
  }

  async #replyTo(request: FastifyRequest, exchange: Exchange, message: unknown): Promise<PlainReply> {
    const begun = beginIdempotent(this.#settings.idempotency, request, exchange)
    if (begun === undefined)
      return this.#replies.answer(exchange, await this.#call(exchange, request, message))
    // The client may repeat the request to get the answer, so its end does not cancel the call.
    exchange.outlivesClient = true
    const { run, replay } = (await begun) ?? {}
    if (replay !== undefined) return replyOf(replay)
    let reply: PlainReply
    try {
      reply = this.#replies.answer(exchange, await this.#call(exchange, request, message))
    } catch (error) {
      if (surelyDidNotRun(error)) {
        await run?.drop()
        throw error
      }
      this.#logFault(error, request)
      reply = this.#replies.failure(request, error)
    }
    await run?.finish(storedOf(reply))
    return reply
  }

  async #call(exchange: Exchange, request: FastifyRequest, message: unknown): Promise<unknown> {
    if (this.#end !== undefined)
      throw new ShmwireError(ErrorCode.UNAVAILABLE, this.#end.message, { executed: 'no' })
    this.#open.add(exchange)
    try {
      return await exchange.route.invoke(message, exchange.callOptions(request, this.#settings.headers))
    } catch (error) {
      // After a call was cancelled, the reason of this gateway counts.
      throw exchange.signal.aborted ? exchange.signal.reason : error
    } finally {
      this.#open.delete(exchange)
    }
  }

  /** Bounds the wait for an authenticator and a policy of the program, also for a client that stays. */
  async #inTime(exchange: Exchange, decision: PromiseLike<void>): Promise<void> {
    const { signal, route } = exchange
    const bounds = { signal, timeoutMs: Math.min(ADMIT_MS, route.timeoutMs) }
    this.#open.add(exchange)
    try {
      await waitWithin<void>(bounds, 'the decision about the call', (resolve, reject) => {
        void decision.then(resolve, reject)
        return () => {}
      })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      this.#open.delete(exchange)
    }
  }

  /** Undefined: the reply is sent. */
  #route(request: FastifyRequest, reply: FastifyReply): Admitted | undefined {
    const { method, raw } = request
    if ((raw.url as string).length > URL_CHARACTERS_MAX)
      throw new HttpError(
        414,
        'INVALID_ARGUMENT',
        `the path and the query are longer than ${URL_CHARACTERS_MAX} characters`,
        {
          reason: 'URI_TOO_LONG',
        },
      )
    const path = this.#pathOf(request)
    const found = this.#find(method, path)
    if (found === undefined) throw new HttpError(404, 'NOT_FOUND', 'this path does not exist')
    if (!('target' in found)) {
      const allow = allowOf(found)
      if (method !== 'OPTIONS')
        throw new HttpError(405, 'UNIMPLEMENTED', `this path does not have the method ${method}`, {
          reason: 'METHOD_NOT_ALLOWED',
          headers: { allow },
        })
      void reply.code(204).header('allow', allow).send()
      return undefined
    }
    const { target, variables } = found
    if (target.kind === 'own') return target
    if (isTraced(gatewayRequests)) setRoute(request, target)
    const onEnd = this.recorder.begin(target.method.kind === 'serverStream')
    const id = this.#correlationOf(request) ?? newCorrelation()
    const exchange = new Exchange(request, reply, target, variables, this.#addressOf(request), id, onEnd)
    reply.header(CORRELATION_ID, exchange.correlationId)
    return exchange
  }

  /** Without a route of its own, HEAD has that of GET. */
  #find(method: string, path: string): ReturnType<RouteTable<Route>['find']> {
    const found = this.#table.find(method, path)
    const isOther = found === undefined || !('target' in found)
    return method === 'HEAD' && isOther ? this.#table.find('GET', path) : found
  }

  #pathOf({ raw }: FastifyRequest): string {
    const path = pathOf(raw.url as string)
    if (this.#prefixSegments === 0) return path
    let start = 0
    for (let count = 0; count < this.#prefixSegments; count += 1) start = path.indexOf('/', start + 1)
    return path.slice(start)
  }

  /** Throws or rejects with the error of a call that must not run. */
  #admit(exchange: Exchange, request: FastifyRequest, reply: FastifyReply): PromiseLike<void> | undefined {
    const { admission, rates } = this.#settings
    const { guarded } = exchange.route
    const address = rates?.countAddress(exchange.address)
    if (address !== undefined) checkRates(reply, [address])
    const after = (identity: Identity | undefined): PromiseLike<void> | undefined => {
      exchange.identity = identity
      if (rates !== undefined && identity !== undefined)
        checkRates(reply, [rates.countIdentity(identity.subject), address])
      return admission.check(identity, guarded)
    }
    const client = clientOf(request, exchange.address)
    if (!admission.identifies && client.certificate === undefined) return after(undefined)
    const identity = admission.identityOf(client)
    return isThenable(identity) ? Promise.resolve(identity).then(after) : after(identity)
  }
}

/** Throws the error of a request that is one too many. */
function checkRates(reply: FastifyReply, states: readonly (RateState | undefined)[]): void {
  reply.headers(rateHeaders(states))
  for (const state of states) checkRate(state)
}

/** Answers with these methods, and with those that follow from them. */
function allowOf(methods: readonly string[]): string {
  const all = new Set(methods)
  if (all.has('GET')) all.add('HEAD')
  all.add('OPTIONS')
  return [...all].toSorted().join(', ')
}

/** A body that the route does not have would be lost silently. */
function checkBody({ headers, body }: FastifyRequest, takesBody: boolean): void {
  if (takesBody) return
  const { 'content-length': length, 'transfer-encoding': encoding } = headers
  const hasBody = body !== undefined || encoding !== undefined || (length !== undefined && Number(length) > 0)
  if (hasBody)
    throw new HttpError(400, 'INVALID_ARGUMENT', 'this route takes no body', { reason: 'INVALID_BODY' })
}
