import { askServer, callHandlers, callsInTurn } from '../support/calls.mjs'
import { measureEcho } from '../support/echo.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Unary call, 64 B',
  question:
    'How long until a function of another process has answered? One call at a time, an event loop on both sides, messages of 64 bytes without a serializer where the library allows it. The service checks both messages. The ratio compares with gRPC.',
  latency: 'from the call to its answer, which an async function awaits',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  competitors: ['shmwire-service', 'shmwire-request', 'grpc-calls', 'connect-rpc', 'trpc'],
  reference: 'grpc-calls',
  forms: { smoke: true },
  handlers: callHandlers,

  measure(caller, options) {
    const call = (message) => caller.call(message)
    const run = (durationMs) => callsInTurn(call, options.messageBytes, durationMs)
    return measureEcho(caller, options, run, { ask: askServer, exchange: call })
  },
}
