import type { TracingChannel } from 'node:diagnostics_channel'
import { serviceCalls, serviceStreams } from '../../observe/diagnostics-channels.js'
import type { ServiceCallPayload } from '../../observe/diagnostics-payloads.js'
import { Trace } from '../../observe/diagnostics-trace.js'
import type { CallKind } from '../contract/contract.js'
import type { RunningCall } from './running-call.js'

/** The diagnostics channel of the calls of a method. */
export function serviceChannel(kind: CallKind | undefined): TracingChannel {
  return kind === undefined || kind === 'unary' ? serviceCalls : serviceStreams
}

/** Runs the begin of a call that is observed. `requestBytes`: of the message of a caller that sends one. */
export function beginTraced<T>(call: RunningCall, requestBytes: number | undefined, begin: () => T): T {
  const { service, method, metadata } = call
  const { kind } = call.served
  const payload: ServiceCallPayload = { service, method, kind, metadata, context: call, requestBytes }
  const trace = new Trace(serviceChannel(kind), payload)
  call.trace = trace
  return trace.begin(begin)
}
