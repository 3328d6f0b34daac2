import { CpuClock, figuresOf, percentiles } from '../support/figures.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Worker pool, small tasks',
  question:
    'How long does a pool of worker threads take for tasks that add two numbers? The same number of threads, one less than cores. All of it is one process. The ratio compares with piscina.',
  latency: 'from the first task to the last result',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: {},
  cases: [
    { name: 'one', title: 'Worker pool, one task at a time', options: { requests: 1 } },
    { name: '100', title: 'Worker pool, 100 tasks at once', options: { requests: 100 } },
  ],
  competitors: ['shmwire-pool', 'piscina'],
  reference: 'piscina',

  async measure(pool, { requests, warmUpMs, durationMs }) {
    await tasksFor(pool, requests, warmUpMs)
    const cpu = new CpuClock()
    const { samples, seconds } = await tasksFor(pool, requests, durationMs)
    return figuresOf({
      messages: samples.length * requests,
      seconds,
      latencyNanos: percentiles(samples),
      cpuSeconds: { client: cpu.seconds(), server: 0 },
    })
  },
}

async function tasksFor(pool, requests, durationMs) {
  const samples = []
  const beginMs = performance.now()
  let nowMs = beginMs
  for (let a = 0; nowMs - beginMs < durationMs; a += 1) {
    const sentMs = performance.now()
    const sums = await Promise.all(Array.from({ length: requests }, (_, b) => pool.call({ a, b })))
    nowMs = performance.now()
    samples.push((nowMs - sentMs) * 1e6)
    for (const [b, sum] of sums.entries()) if (sum !== a + b) throw new Error(`${a} + ${b} gave ${sum}`)
  }
  return { samples, seconds: (nowMs - beginMs) / 1000 }
}
