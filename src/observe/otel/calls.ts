import { type Attributes, SpanKind, trace } from '@opentelemetry/api'
import { isServerFault } from '../../status.js'
import type { ClientCallPayload, ServiceCallPayload } from '../diagnostics-payloads.js'
import { clientStatus, faultOf, serverStatus } from './faults.js'
import { RPC_METHOD, RPC_STATUS_CODE, RPC_SYSTEM_NAME, SHMWIRE } from './names.js'
import { endSpan, metricAttributes, type Running } from './operations.js'
import { networkOf, serverOf, systemOf } from './places.js'
import { activeOr, contextOfMetadata, injectMetadata } from './propagate.js'
import type { Telemetry } from './telemetry.js'

/** The services that carry topics, cells and queues. Messages and jobs have spans of their own. */
const CARRIER = 'shmwire.'
const OK = 'OK'

/** A call of a client: a span of the kind CLIENT, whose context travels with the call. */
export function beginClientCall(
  telemetry: Telemetry,
  payload: ClientCallPayload,
  startTime: number,
): Running | undefined {
  const { service, metadata, address, channel } = payload
  if (service.startsWith(CARRIER)) return undefined
  const method = methodOf(payload)
  const common: Attributes = {
    [RPC_SYSTEM_NAME]: systemOf(address),
    [RPC_METHOD]: method,
    ...serverOf(address),
  }
  const parent = activeOr(() => contextOfMetadata(metadata))
  const attributes = { ...common, ...networkOf(channel) }
  const span = telemetry.tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes, startTime }, parent)
  const own = trace.setSpan(parent, span)
  injectMetadata(own, metadata)
  return {
    context: own,
    end({ timeMs, seconds }) {
      const fault = 'error' in payload ? faultOf(payload.error) : undefined
      common[RPC_STATUS_CODE] = fault === undefined ? OK : clientStatus(payload.error)
      span.setAttribute(RPC_STATUS_CODE, common[RPC_STATUS_CODE])
      endSpan(span, timeMs, fault)
      telemetry.instruments.clientCall.record(seconds, metricAttributes(common, fault), own)
    },
  }
}

/** A call of a service: a span of the kind SERVER, which continues the trace of the caller. */
export function beginServiceCall(
  telemetry: Telemetry,
  payload: ServiceCallPayload,
  startTime: number,
): Running | undefined {
  const { service, metadata, context } = payload
  if (service.startsWith(CARRIER)) return undefined
  const method = methodOf(payload)
  const common: Attributes = { [RPC_SYSTEM_NAME]: SHMWIRE, [RPC_METHOD]: method }
  const parent = contextOfMetadata(metadata)
  const attributes = { ...common, ...networkOf(context.channel) }
  const span = telemetry.tracer.startSpan(method, { kind: SpanKind.SERVER, attributes, startTime }, parent)
  const own = trace.setSpan(parent, span)
  return {
    context: own,
    end({ timeMs, seconds }) {
      const { error } = payload
      const status = 'error' in payload ? serverStatus(payload) : OK
      const fault = isServerFault(status) ? { ...faultOf(error), type: status } : undefined
      common[RPC_STATUS_CODE] = status
      span.setAttribute(RPC_STATUS_CODE, status)
      endSpan(span, timeMs, fault, error)
      telemetry.instruments.serverCall.record(seconds, metricAttributes(common, fault), own)
    },
  }
}

/** With a contract as gRPC writes it, whatever carries the call: `user.UserService/GetUser`. */
function methodOf({ service, method, kind }: Pick<ClientCallPayload, 'service' | 'method' | 'kind'>): string {
  const name = kind === undefined ? method : `${method.charAt(0).toUpperCase()}${method.slice(1)}`
  return service === '' ? name : `${service}/${name}`
}
