import { askServer, callHandlers } from '../support/calls.mjs'
import { CpuClock, currentCore, figuresOf, median, percentiles } from '../support/figures.mjs'

const TIMEOUT_MS = 20
const HOPS = ['hop1', 'hop2', 'hop3']

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: `Deadline of ${TIMEOUT_MS} ms through three hops`,
  question:
    'How long after its deadline does a call end? The client calls a handler, which calls a second one, which calls a third one, which never answers. Each hop is a call between the two processes. The columns of the hops: the median time from the deadline to the abort of their signal.',
  latency: 'from the deadline to the error of the caller',
  headline: { name: 'late', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  competitors: ['shmwire-hops'],
  handlers: callHandlers,

  async measure(caller, { warmUpMs, durationMs }) {
    await expireFor(caller, warmUpMs)
    await askServer(caller, 'begin')
    const cpu = new CpuClock()
    const { samples, seconds } = await expireFor(caller, durationMs)
    const clientSeconds = cpu.seconds()
    const server = await askServer(caller, 'end')
    return {
      ...figuresOf({
        messages: samples.length,
        seconds,
        latencyNanos: percentiles(samples.map((sample) => sample.caller)),
        cpuSeconds: { client: clientSeconds, server: server.cpuSeconds },
        cores: { client: currentCore(), server: server.core },
      }),
      hopNanos: Object.fromEntries(HOPS.map((hop) => [hop, median(samples.map((sample) => sample[hop]))])),
    }
  },
}

async function expireFor(caller, durationMs) {
  const samples = []
  const beginMs = performance.now()
  let nowMs = beginMs
  while (nowMs - beginMs < durationMs) {
    samples.push(await caller.expire(TIMEOUT_MS))
    nowMs = performance.now()
  }
  return { samples, seconds: (nowMs - beginMs) / 1000 }
}
