import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { find, findAny, root, run } from '../stages/command.mjs'

const FOLDER = join(root, 'build/cmake/fuzz')
const CORPUS = join(root, 'native/fuzz/corpus')

/** Longer inputs are slower and find no more: a run ends after so many steps. */
const INPUT_BYTES_MAX = 256
/** What takes longer than this goes on for ever. */
const INPUT_SECONDS_MAX = 10
/** Memory that was freed is kept back for so long only; more makes the runs slower. */
const SANITIZER = 'quarantine_size_mb=16'

/** What to install for the native targets; empty: nothing. */
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

/** One target over its corpus, and on from there. What it finds stays in a temporary directory. */
export async function fuzzNative(name, budget, updateCorpus) {
  const program = join(FOLDER, `${name}_fuzz`)
  const corpus = join(CORPUS, name)
  const scratch = mkdtempSync(join(tmpdir(), `shmwire-fuzz-${name}-`))
  const [fresh, findings] = ['new', 'findings'].map((folder) => join(scratch, folder))
  for (const folder of [fresh, findings, corpus]) mkdirSync(folder, { recursive: true })
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
  // Not by the files: a process that was stopped for a while leaves one about a slow input.
  if (ok) {
    const extended = updateCorpus ? await extend(program, corpus, fresh) : { ok: true, output: '' }
    rmSync(scratch, { recursive: true, force: true })
    return { executions, seconds, ...extended }
  }
  const replay = found.map((file) => `found ${file}\nreplay: ${relative(root, program)} ${file}`)
  return { executions, seconds, ok: false, output: [explain(output), ...replay].join('\n') }
}

/** Adds those of the new inputs that reach code which the committed ones do not. */
function extend(program, corpus, fresh) {
  const flags = ['-merge=1', '-use_counters=0', '-print_funcs=0', `-max_len=${INPUT_BYTES_MAX}`]
  return run(program, [...flags, corpus, fresh])
}

/** Without the progress that came before what went wrong. */
function explain(output) {
  return output
    .split('\n')
    .filter((line) => !/^(#\d+\s|INFO: |stat::)/.test(line))
    .join('\n')
}
