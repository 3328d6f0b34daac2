import { runNode } from '../stages/command.mjs'

/** Runs one file of test/fuzz/ in a separate process. */
export async function fuzzTypescript(name, budget) {
  const bound =
    budget.runs === undefined
      ? { SHMWIRE_FUZZ_SECONDS: String(budget.seconds) }
      : { SHMWIRE_FUZZ_RUNS: String(budget.runs) }
  const file = `test/fuzz/${name}.test.ts`
  const start = performance.now()
  const { ok, output } = await runNode(
    'node_modules/vitest/vitest.mjs',
    ['run', '--project', 'fuzz', '--reporter=dot', file],
    { env: { NO_COLOR: '1', ...bound } },
  )
  const seconds = (performance.now() - start) / 1000
  const made = [...output.matchAll(/^fuzzed .*?: (\d+) runs/gm)].map(([, runs]) => Number(runs))
  const executions = made.reduce((sum, runs) => sum + runs, 0)
  const seeds = /SHMWIRE_FUZZ_SEED=\S+ SHMWIRE_FUZZ_RUNS=\S+/.exec(output)?.[0]
  const replay = seeds === undefined ? '' : `\nreplay: ${seeds} npx vitest run --project fuzz ${file}`
  // A run without a test has failed.
  return { executions, seconds, ok: ok && executions > 0, output: `${output}${replay}` }
}
