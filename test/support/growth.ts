import { collectGarbage } from './garbage.js'
import { turn } from './turns.js'

const RUNS_MAX = 10

/** Prepares the data and returns the measured work. Allocation in the work would distort the growth. */
export type Prepare = (size: number) => () => void

/**
 * The ratio of the CPU time for `factor` times as much work: the least of several runs. More runs follow
 * while the ratio is above `enough`. CPU time excludes the time in which other processes have the core. The garbage collector only
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
    // Runs of the small size last about as long as the large one, because short runs vary more.
    const times: number[] = []
    for (let count = 0; count < factor; count += 1) times.push(await timeOf(prepare, size))
    smallMs = Math.min(smallMs, ...times.slice(1))
    largeMs = Math.min(largeMs, await timeOf(prepare, size * factor))
    if (run > 0 && largeMs / smallMs < enough) break
  }
  return largeMs / smallMs
}

async function timeOf(prepare: Prepare, size: number): Promise<number> {
  // Promises of the previous run have settled, and its memory is collected.
  await turn()
  collectGarbage()
  const work = prepare(size)
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
