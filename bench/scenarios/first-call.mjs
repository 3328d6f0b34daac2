import { askServer, callHandlers, callsInTurn } from '../support/calls.mjs'
import { measureEcho } from '../support/echo.mjs'
import { percentiles } from '../support/figures.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'First call of a new client',
  question:
    'How long until a new client has its first answer? One client after another, to a running server. "connect alone": a channel without a call. The ratio compares with gRPC.',
  latency: 'from the creation of the client to its first answer',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  competitors: ['shmwire-service', 'shmwire-connect', 'grpc-calls'],
  reference: 'grpc-calls',
  handlers: callHandlers,

  measure(first, options, connect) {
    const run = (durationMs) => firstCallsFor(first, connect, options.messageBytes, durationMs)
    const exchange = (message) => first.call(message)
    return measureEcho(first, options, run, { ask: askServer, exchange })
  },
}

/** One client after the other. The time excludes closing. */
async function firstCallsFor({ connectsOnly }, connect, messageBytes, durationMs) {
  const samples = []
  const beginMs = performance.now()
  let nowMs = beginMs
  while (nowMs - beginMs < durationMs) {
    const caller = await connect()
    if (!connectsOnly) await callOnce(caller, messageBytes)
    samples.push((performance.now() - nowMs) * 1e6)
    // The server counts calls.
    if (connectsOnly) await callOnce(caller, messageBytes)
    await caller.close()
    nowMs = performance.now()
  }
  return {
    messages: samples.length,
    seconds: (nowMs - beginMs) / 1000,
    latencyNanos: () => percentiles(samples),
  }
}

function callOnce(caller, messageBytes) {
  return callsInTurn((message) => caller.call(message), messageBytes, 0)
}
