import fc from 'fast-check'
import { expect, it } from 'vitest'

/** A property that fast-check can run: what `fc.property` and `fc.asyncProperty` return. */
type Property = Parameters<typeof fc.check>[0]

/** So many runs have one seed: few enough that a failure is found again soon. */
const RUNS_PER_SEED = 100
const RUNS_USUAL = 1_000

const SECOND_MS = 1_000
/** Ends what hangs, where the bound is a time. */
const PATIENCE_MS = 60 * SECOND_MS

/**
 * Tests that go on for as long as they are told: `SHMWIRE_FUZZ_SECONDS` or `SHMWIRE_FUZZ_RUNS` for all properties
 * together, else a thousand runs of each. `SHMWIRE_FUZZ_SEED` is where they begin. A failure prints its own seed.
 */
export function fuzz(target: string, properties: Readonly<Record<string, Property>>): void {
  const names = Object.keys(properties)
  const seconds = numberFrom('SHMWIRE_FUZZ_SECONDS')
  const runs = numberFrom('SHMWIRE_FUZZ_RUNS')
  const runsMax = Math.ceil((runs ?? RUNS_USUAL * names.length) / names.length)
  const budget =
    seconds === undefined
      ? { runsMax, timeMs: Number.POSITIVE_INFINITY }
      : { runsMax: Number.POSITIVE_INFINITY, timeMs: (seconds * SECOND_MS) / names.length }
  // 0 is no bound: how long so many runs take is not known.
  const timeout = seconds === undefined ? 0 : budget.timeMs + PATIENCE_MS
  for (const [name, property] of Object.entries(properties)) {
    it(name, { timeout }, async () => {
      const made = await repeat(property, budget, names.length)
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
): Promise<{ runs: number; seed: number }> {
  const first = numberFrom('SHMWIRE_FUZZ_SEED') ?? Math.floor(Math.random() * 2 ** 31)
  const endMs = performance.now() + timeMs
  let runs = 0
  for (let seed = first; runs < runsMax && performance.now() < endMs; seed = (seed + 1) | 0) {
    const numRuns = Math.min(RUNS_PER_SEED, runsMax - runs)
    // To make smaller what waits until it is given up takes for ever.
    const details = await fc.check(property, { numRuns, seed, endOnFailure: property.isAsync() })
    if (details.failed) {
      const replay = `SHMWIRE_FUZZ_SEED=${seed} SHMWIRE_FUZZ_RUNS=${RUNS_PER_SEED * propertyCount}`
      throw new Error(`${replay}\n${await fc.asyncDefaultReportMessage(details)}`, {
        cause: details.errorInstance,
      })
    }
    runs += details.numRuns
  }
  return { runs, seed: first }
}

function numberFrom(name: string): number | undefined {
  const given = process.env[name]
  return given === undefined ? undefined : Number(given)
}
