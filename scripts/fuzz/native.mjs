import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { find, findAny, root, run } from '../stages/command.mjs'
import { packCorpus, unpackCorpus } from './corpus.mjs'

const FOLDER = join(root, 'build/cmake/fuzz')

/** Longer inputs are slower and find nothing more, because a run ends after a fixed number of steps. */
const INPUT_BYTES_MAX = 256
/** An input that takes longer counts as one that never ends. */
const INPUT_SECONDS_MAX = 10
/** A larger quarantine of freed memory makes the runs slower. */
const SANITIZER = 'quarantine_size_mb=16'

/** The packages to install for the native targets; empty if none is missing. */
export async function missingForNative() {
  const missing = []
  if (find('cmake') === undefined) missing.push('cmake')
  if (findAny('ninja', 'make') === undefined) missing.push('ninja-build')
  if (find('clang++') === undefined) missing.push('clang')
  if (missing.includes('clang') || !(await hasFuzzerRuntime())) missing.push('libclang-rt-dev')
  return missing
}

async function hasFuzzerRuntime() {
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-fuzz-'))
  try {
    const source = join(scratch, 'empty.cc')
    writeFileSync(
      source,
      'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }',
    )
    const flags = ['-fsanitize=fuzzer,address,undefined', source, '-o', join(scratch, 'empty')]
    return (await run('clang++', flags)).ok
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

export async function buildNative() {
  const env = find('make') === undefined ? { CMAKE_GENERATOR: 'Ninja' } : {}
  const configured = await run('cmake', ['--preset', 'fuzz'], { env })
  if (!configured.ok) return configured
  return run('cmake', ['--build', FOLDER, '--parallel', String(availableParallelism())])
}

/** Runs a target, starting from its corpus. Findings stay in a temporary directory. */
export async function fuzzNative(name, budget, updateCorpus) {
  const program = join(FOLDER, `${name}_fuzz`)
  const scratch = mkdtempSync(join(tmpdir(), `shmwire-fuzz-${name}-`))
  const [fresh, findings, corpus] = ['new', 'findings', 'corpus'].map((folder) => join(scratch, folder))
  for (const folder of [fresh, findings]) mkdirSync(folder)
  const unpacked = await unpackCorpus(name, corpus, { isNew: updateCorpus })
  if (!unpacked.ok) return { executions: 0, seconds: 0, ...unpacked }
  const bound =
    budget.runs === undefined ? `-max_total_time=${budget.seconds}` : `-runs=${Math.ceil(budget.runs)}`
  const flags = [
    bound,
    `-max_len=${INPUT_BYTES_MAX}`,
    `-timeout=${INPUT_SECONDS_MAX}`,
    `-artifact_prefix=${findings}/`,
    '-print_final_stats=1',
    '-print_funcs=0',
  ]
  const start = performance.now()
  const { ok, output } = await run(program, [...flags, fresh, corpus], { env: { ASAN_OPTIONS: SANITIZER } })
  const seconds = (performance.now() - start) / 1000
  const executions = Number(/number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? 0)
  const found = readdirSync(findings).map((file) => join(findings, file))
  // A finding alone is not a failure: a process that was stopped for a while reports a slow input.
  if (ok) {
    const extended = updateCorpus ? await extend(name, program, corpus, fresh) : { ok: true, output: '' }
    rmSync(scratch, { recursive: true, force: true })
    return { executions, seconds, ...extended }
  }
  const replay = found.map((file) => `found ${file}\nreplay: ${relative(root, program)} ${file}`)
  return { executions, seconds, ok: false, output: [explain(output), ...replay].join('\n') }
}

/** Adds the new inputs that reach more code than the committed ones. */
async function extend(name, program, corpus, fresh) {
  const flags = ['-merge=1', '-use_counters=0', '-print_funcs=0', `-max_len=${INPUT_BYTES_MAX}`]
  const merged = await run(program, [...flags, corpus, fresh])
  return merged.ok ? packCorpus(name, corpus) : merged
}

/** The output without the progress before the failure. */
function explain(output) {
  return output
    .split('\n')
    .filter((line) => !/^(#\d+\s|INFO: |stat::)/.test(line))
    .join('\n')
}
