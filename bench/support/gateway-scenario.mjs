/** Options of the service's channel: it polls between two calls, or sleeps. */
const POLLING = { spinMicros: 300 }
const SLEEPING = { wait: 'sleep' }

/**
 * A gateway against a server with the handlers in its own process.
 * @param {'grpc' | 'rest'} protocol
 * @param {{ title: string, direct: string, method?: string, further?: import('../scenarios/scenario.js').Case[] }} own
 * @returns {import('../scenarios/scenario.js').Scenario}
 */
export function gatewayScenario(protocol, { title, direct, method, further = [] }) {
  // h2load, the contract and the gateway are loaded only to measure.
  const measureWith = (name) => async (options) =>
    (await import('../gateway/load.mjs'))[name](protocol, options)
  const common = { transport: 'tcp', commands: ['h2load', 'taskset'] }
  return {
    title,
    question: `What does a gateway add to a call? ${direct} with the handlers in its own process, against a gateway and a service in another process. The client is h2load; its CPU time does not count. The ratio compares with ${direct}.`,
    latency: 'from a request to the end of its response, as h2load measures it',
    headline: { name: 'calls', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
    options: { method, expectedMs: 1500, extraMs: 30_000 },
    lengths: { whole: { warmUpMs: 500, durationMs: 800 } },
    cases: [
      {
        name: '50',
        title: `${title}, 50 in flight`,
        options: { inFlight: 50, apart: true },
      },
      {
        name: 'polls',
        title: `${title}, 1 in flight, the service polls`,
        options: { inFlight: 1, channel: POLLING },
      },
      {
        name: 'sleeps',
        title: `${title}, 1 in flight, the service sleeps`,
        options: { inFlight: 1, channel: SLEEPING },
      },
      ...further,
    ],
    reference: 'direct',
    setups: {
      shmwire: { ...common, title: 'shmwire, gateway and service', measure: measureWith('throughGateway') },
      direct: { ...common, title: direct, measure: measureWith('direct') },
    },
  }
}
