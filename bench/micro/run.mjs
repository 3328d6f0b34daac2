// Codecs and single calls, one function in one process each: npm run bench -- --micro
// They compare two commits. Only the scenarios measure across processes.
import { Bench } from 'tinybench'
import { digits, showNanos } from '../support/units.mjs'
import { callTasks } from './calls.mjs'
import { codecTasks } from './codecs.mjs'

const TIME_MS = 300

await measure('Codecs, one object of six fields', codecTasks())
await measure('Single calls, both ends of a channel in this process', await callTasks())

/** @param {[name: string, task: () => unknown][]} tasks */
async function measure(title, tasks) {
  const bench = new Bench({ time: TIME_MS, warmupTime: TIME_MS / 3 })
  for (const [name, task] of tasks) bench.add(name, task)
  await bench.run()
  console.log(`\n${title}`)
  for (const { name, result } of bench.tasks) console.log(`  ${name.padEnd(36)} ${show(result)}`)
}

/** Latencies are in milliseconds. */
function show(result) {
  if (result.state === 'errored') return `failed: ${result.error.message}`
  const { p50, p99, rme } = result.latency
  return `${showNanos(p50 * 1e6).padStart(9)}  p99 ${showNanos(p99 * 1e6).padStart(9)}  ±${digits(rme)} %`
}
