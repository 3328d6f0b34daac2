import { type Attributes, type Span, SpanKind, trace } from '@opentelemetry/api'
import { isServerFault, STATUSES } from '../../status.js'
import type { GatewayRequestPayload } from '../diagnostics-payloads.js'
import { faultOf } from './faults.js'
import {
  CLIENT_ADDRESS,
  GRPC,
  HTTP_REQUEST_METHOD,
  HTTP_REQUEST_METHOD_ORIGINAL,
  HTTP_RESPONSE_STATUS_CODE,
  HTTP_ROUTE,
  OTHER,
  RPC_METHOD,
  RPC_STATUS_CODE,
  RPC_SYSTEM_NAME,
  URL_PATH,
  URL_SCHEME,
} from './names.js'
import { endSpan, type Fault, metricAttributes, type Running } from './operations.js'
import { requestContext } from './propagate.js'
import type { Telemetry } from './telemetry.js'

/** RFC 9110, and those of PATCH and QUERY, as the conventions say. */
const METHODS: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' '),
)
const SERVER_ERROR_MIN = 500

interface Outcome {
  /** Of the span and of the metric. */
  readonly attributes: Attributes
  readonly fault: Fault | undefined
}

/**
 * A request of a gateway: a span of the kind SERVER. If another instrumentation has a span for the request already, this one is INTERNAL, and the
 * metric is that of the other.
 */
export function beginGatewayRequest(
  telemetry: Telemetry,
  payload: GatewayRequestPayload,
  startTime: number,
): Running {
  const { gateway, clientAddress } = payload
  const isRest = gateway === 'rest'
  const { parent, isNested } = requestContext(payload.headers)
  const common = isRest ? restAttributes(payload) : grpcAttributes(payload)
  const attributes: Attributes = isRest ? { ...common, ...spanAttributes(payload) } : { ...common }
  if (clientAddress !== undefined) attributes[CLIENT_ADDRESS] = clientAddress
  const name = isRest ? spanMethod(payload.httpMethod) : String(common[RPC_METHOD])
  const kind = isNested ? SpanKind.INTERNAL : SpanKind.SERVER
  const span = telemetry.tracer.startSpan(name, { kind, attributes, startTime }, parent)
  const own = trace.setSpan(parent, span)
  return {
    context: own,
    end({ timeMs, seconds }) {
      const { attributes: found, fault } = isRest ? restOutcome(payload, span) : grpcOutcome(payload)
      span.setAttributes(found)
      endSpan(span, timeMs, fault)
      if (isNested) return
      const { serverRequest, serverCall } = telemetry.instruments
      const metric = isRest ? serverRequest : serverCall
      metric.record(seconds, metricAttributes({ ...common, ...found }, fault), own)
    },
  }
}

/** Of the span and of the metric. */
function restAttributes({ httpMethod, scheme }: GatewayRequestPayload): Attributes {
  return { [HTTP_REQUEST_METHOD]: METHODS.has(httpMethod) ? httpMethod : OTHER, [URL_SCHEME]: scheme }
}

/** The client chooses them, so a metric would have any number of values. */
function spanAttributes({ httpMethod, path }: GatewayRequestPayload): Attributes {
  if (METHODS.has(httpMethod)) return { [URL_PATH]: path }
  return { [URL_PATH]: path, [HTTP_REQUEST_METHOD_ORIGINAL]: httpMethod }
}

function restOutcome(payload: GatewayRequestPayload, span: Span): Outcome {
  const { route, statusCode, httpMethod, error } = payload
  const attributes: Attributes = {}
  if (route !== undefined) {
    attributes[HTTP_ROUTE] = route
    span.updateName(`${spanMethod(httpMethod)} ${route}`)
  }
  if (statusCode !== undefined) attributes[HTTP_RESPONSE_STATUS_CODE] = statusCode
  // A client that goes away is not an error of this server, nor is a wrong request.
  if (statusCode === undefined || statusCode < SERVER_ERROR_MIN) return { attributes, fault: undefined }
  return { attributes, fault: { message: faultOf(error).message, type: String(statusCode) } }
}

function grpcAttributes({ path }: GatewayRequestPayload): Attributes {
  // Requests of unknown methods are not reported, so the path is that of a method.
  return { [RPC_SYSTEM_NAME]: GRPC, [RPC_METHOD]: path.slice('/'.length) }
}

function grpcOutcome({ grpcStatus, error }: GatewayRequestPayload): Outcome {
  const status = grpcStatus === undefined ? 'CANCELLED' : statusName(grpcStatus)
  const attributes = { [RPC_STATUS_CODE]: status }
  const fault = isServerFault(status) ? { message: faultOf(error).message, type: status } : undefined
  return { attributes, fault }
}

/** The codes of gRPC begin with that of success. */
function statusName(code: number): string {
  return code === 0 ? 'OK' : (STATUSES[code - 1] ?? OTHER)
}

function spanMethod(httpMethod: string): string {
  return METHODS.has(httpMethod) ? httpMethod : 'HTTP'
}
