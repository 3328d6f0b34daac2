import { collectGarbage } from './garbage.js'
import { turn } from './turns.js'

const RUNS_MAX = 10

/** Makes what the measured work needs, and returns the work. Memory for much takes the collector longer than its share. */
export type Prepare = (size: number) => () => void

/**
 * How many times more CPU time the work takes for `factor` times as much: the least of several runs, of which there are more
 * while it is above `enough`. CPU time excludes the time in which other processes have the core. The garbage collector only
 * makes a run longer. Work that is quadratic comes near the square of `factor` in every run.
 */
export async function growth(
  prepare: Prepare,
  size: number,
  factor: number,
  enough: number,
): Promise<number> {
  let smallMs = Number.POSITIVE_INFINITY
  let largeMs = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS_MAX; run += 1) {
    // As many runs of the small size as take about as long as the large one: of short runs some are too short.
    const times: number[] = []
    for (let count = 0; count < factor; count += 1) times.push(await timeOf(prepare, size))
    smallMs = Math.min(smallMs, ...times.slice(1))
    largeMs = Math.min(largeMs, await timeOf(prepare, size * factor))
    if (run > 0 && largeMs / smallMs < enough) break
  }
  return largeMs / smallMs
}

async function timeOf(prepare: Prepare, size: number): Promise<number> {
  // Promises of the run before have settled, and nothing of it is left.
  await turn()
  collectGarbage()
  const work = prepare(size)
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
