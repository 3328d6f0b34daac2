import type { IncomingHttpHeaders } from 'node:http2'
import { gatewayRequests } from '../../observe/diagnostics-channels.js'
import type { GatewayRequestPayload } from '../../observe/diagnostics-payloads.js'
import { Trace } from '../../observe/diagnostics-trace.js'
import type { PolicyCall } from '../../service/auth/policy.js'
import type { ServerCall } from './server-call.js'

/** Runs a call of the gateway that is observed. `run` resolves at the end of the call, and never rejects. */
export function runTraced(
  call: ServerCall,
  headers: IncomingHttpHeaders,
  guarded: PolicyCall | undefined,
  run: () => Promise<void>,
): void {
  const payload: GatewayRequestPayload = {
    gateway: 'grpc',
    httpMethod: headers[':method'] as string,
    scheme: headers[':scheme'] === 'https' ? 'https' : 'http',
    path: call.path,
    headers,
    correlationId: call.correlationId,
    clientAddress: call.client.address,
    service: guarded?.service,
    method: guarded?.method,
    route: undefined,
    statusCode: undefined,
    grpcStatus: undefined,
  }
  const trace = new Trace(gatewayRequests, payload)
  void trace.begin(run).then(() => {
    const { status, failure } = call
    if (status !== undefined) {
      payload.statusCode = 200
      payload.grpcStatus = status.code
    }
    if (failure === undefined) trace.settle()
    else trace.fail(failure.error)
  })
}
