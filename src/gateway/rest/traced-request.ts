import { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { newCorrelation, requestCorrelation } from '../../correlation.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { gatewayRequests } from '../../observe/diagnostics-channels.js'
import type { GatewayRequestPayload } from '../../observe/diagnostics-payloads.js'
import { Trace } from '../../observe/diagnostics-trace.js'
import { pathOf } from './path-text.js'
import type { ServiceRoute } from './service-routes.js'

/** A request that is observed. */
interface TracedRequest {
  readonly trace: Trace<GatewayRequestPayload>
  /** The first error of the request. */
  error?: unknown
}

const requests = new WeakMap<FastifyRequest, TracedRequest>()

/** Runs the first part of a request that is observed. The request ends when its reply is sent, or its connection is gone. */
export function beginTraced(
  request: FastifyRequest,
  { raw: response }: FastifyReply,
  clientAddress: string | undefined,
  begin: () => void,
): void {
  const { method: httpMethod, raw, headers } = request
  const scheme = raw.socket instanceof TLSSocket ? 'https' : 'http'
  const trace = new Trace<GatewayRequestPayload>(gatewayRequests, {
    gateway: 'rest',
    httpMethod,
    scheme,
    path: pathOf(raw.url as string),
    headers,
    correlationId: requestCorrelation(headers) ?? newCorrelation(),
    clientAddress,
    ...UNKNOWN,
  })
  const traced: TracedRequest = { trace }
  requests.set(request, traced)
  response.once('close', () => {
    if (response.headersSent) trace.payload.statusCode = response.statusCode
    if (traced.error !== undefined) trace.fail(traced.error)
    else if (response.writableFinished) trace.settle()
    else trace.fail(new ShmwireError(ErrorCode.ABORTED, 'the client has gone away'))
  })
  trace.begin(begin)
}

/** Runs a later part of a request. Fastify continues it after the body has arrived, in the context of the connection. */
export function continueTraced<T>(request: FastifyRequest, work: () => T): T {
  const traced = requests.get(request)
  return traced === undefined ? work() : traced.trace.run(work)
}

/** The correlation id of a request that is observed. */
export function tracedCorrelation(request: FastifyRequest): string | undefined {
  return requests.get(request)?.trace.payload.correlationId
}

/** The method of a request is known. */
export function setRoute(request: FastifyRequest, { guarded, binding }: ServiceRoute): void {
  const payload = requests.get(request)?.trace.payload
  if (payload === undefined) return
  payload.service = guarded.service
  payload.method = guarded.method
  payload.route = binding.path
}

/** The request has failed. The reply for its error follows. */
export function setError(request: FastifyRequest, error: unknown): void {
  const traced = requests.get(request)
  if (traced !== undefined) traced.error ??= error
}

/** The parts of a payload that are not known at the start. */
const UNKNOWN = {
  service: undefined,
  method: undefined,
  route: undefined,
  statusCode: undefined,
  grpcStatus: undefined,
} as const
