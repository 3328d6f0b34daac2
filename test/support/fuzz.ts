import fc from 'fast-check'
import { expect, it } from 'vitest'

/** A property that fast-check can run: what `fc.property` and `fc.asyncProperty` return. */
type Property = Parameters<typeof fc.check>[0]

/** So many runs have one seed: few enough that a failure is found again soon. Every number of runs is rounded up to it. */
const RUNS_PER_SEED = 100
const RUNS_USUAL = 1_000

const SECOND_MS = 1_000
/** Ends what hangs, where the bound is a time. */
const PATIENCE_MS = 60 * SECOND_MS

interface Round {
  /** Seeds under way at once, for runs that mostly wait. 1 by default. */
  readonly seeds?: number
  /** Called when these have ended, before the next begin: nothing of them may be left. */
  readonly check?: () => void | Promise<void>
}

/**
 * Runs tests for `SHMWIRE_FUZZ_SECONDS` or `SHMWIRE_FUZZ_RUNS`, for all properties
 * together, else a thousand runs of each. `SHMWIRE_FUZZ_SEED` is where they begin. A failure prints its own seed.
 */
export function fuzz(
  target: string,
  properties: Readonly<Record<string, Property>>,
  { seeds = 1, check }: Round = {},
): void {
  const names = Object.keys(properties)
  const seconds = numberFrom('SHMWIRE_FUZZ_SECONDS')
  const runs = numberFrom('SHMWIRE_FUZZ_RUNS')
  const runsMax = Math.ceil((runs ?? RUNS_USUAL * names.length) / names.length)
  const budget =
    seconds === undefined
      ? { runsMax, timeMs: Number.POSITIVE_INFINITY }
      : { runsMax: Number.POSITIVE_INFINITY, timeMs: (seconds * SECOND_MS) / names.length }
  // 0 means no limit, because the time for so many runs is not known.
  const timeout = seconds === undefined ? 0 : budget.timeMs + PATIENCE_MS
  for (const [name, property] of Object.entries(properties)) {
    it(name, { timeout }, async () => {
      const made = await repeat(property, budget, names.length, { seeds, check })
      // `npm run fuzz` reads this line.
      console.log(`fuzzed ${target}: ${made.runs} runs from seed ${made.seed} (${name})`)
      expect(made.runs).toBeGreaterThan(0)
    })
  }
}

async function repeat(
  property: Property,
  { runsMax, timeMs }: { runsMax: number; timeMs: number },
  propertyCount: number,
  { seeds, check }: { seeds: number; check: Round['check'] },
): Promise<{ runs: number; seed: number }> {
  const replay = (seed: number, count: number): string =>
    `SHMWIRE_FUZZ_SEED=${seed} SHMWIRE_FUZZ_RUNS=${count * RUNS_PER_SEED * propertyCount}`
  const first = numberFrom('SHMWIRE_FUZZ_SEED') ?? Math.floor(Math.random() * 2 ** 31)
  const endMs = performance.now() + timeMs
  let runs = 0
  for (let seed = first; runs < runsMax && performance.now() < endMs; seed = (seed + seeds) | 0) {
    const count = Math.min(seeds, Math.ceil((runsMax - runs) / RUNS_PER_SEED))
    // To make smaller what waits until it is given up takes for ever.
    const settings = { numRuns: RUNS_PER_SEED, endOnFailure: property.isAsync() }
    const round = Array.from({ length: count }, async (_, index) =>
      fc.check(property, { ...settings, seed: (seed + index) | 0 }),
    )
    for (const details of await Promise.all(round)) {
      if (!details.failed) continue
      const report = await fc.asyncDefaultReportMessage(details)
      throw new Error(`${replay(details.seed, 1)}\n${report}`, { cause: details.errorInstance })
    }
    try {
      await check?.()
    } catch (error) {
      throw new Error(`${replay(seed, count)}\n${String(error)}`, { cause: error })
    }
    runs += count * RUNS_PER_SEED
  }
  return { runs, seed: first }
}

function numberFrom(name: string): number | undefined {
  const given = process.env[name]
  return given === undefined ? undefined : Number(given)
}
