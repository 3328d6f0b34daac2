// Checks all states of the models in models/ with Spin: the protocol must pass, and each mutation of it must fail.
//
//   node scripts/models.mjs [--write] [--only <model>]
//
//   --write   also writes the counter-examples to docs/memory-model.md, between its markers; otherwise compares them
//   --only    checks this model and not the document
//
// Prints a line for each experiment; the last line is `N passed, N failed[, N skipped]`.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { search } from './models/checker.mjs'
import { readExperiments } from './models/model.mjs'
import { checkTable, spinVersion, writeTable } from './models/table.mjs'
import { findAny } from './stages/command.mjs'
import { Report } from './stages/report.mjs'

const { write, only } = parseArgs({
  options: { write: { type: 'boolean', default: false }, only: { type: 'string' } },
}).values

const report = new Report()
const compiler = findAny('cc', 'gcc', 'clang')
const version = await spinVersion()
const missing = [...(version === undefined ? ['spin'] : []), ...(compiler === undefined ? ['gcc'] : [])]
const experiments = readExperiments().filter(({ model }) => only === undefined || model === only)
if (experiments.length === 0) throw new Error(`there is no model ${only ?? ''}`)

if (missing.length > 0) report.skip('models', `apt-get install ${missing.join(' ')}`)
else await checkAll()
report.close()
process.exitCode = report.failed > 0 ? 1 : 0

async function checkAll() {
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-models-'))
  try {
    const results = await searchAll(folder)
    if (only !== undefined) return
    if (!write) return checkTable(report, results, version)
    if (report.failed === 0) writeTable(results, version)
    else report.fail('docs/memory-model.md is not written: see above')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs one experiment for each core, long ones first. Reports them in the order of the models. */
async function searchAll(folder) {
  const results = []
  const open = experiments.map((experiment, index) => ({ experiment, index }))
  open.sort((a, b) => Number(a.experiment.kind === 'MUTATION') - Number(b.experiment.kind === 'MUTATION'))
  const work = async () => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const { experiment, index } = next
      results[index] = { ...experiment, ...(await search(experiment, compiler, join(folder, String(index)))) }
      // The build of one experiment takes several megabytes.
      rmSync(join(folder, String(index)), { recursive: true, force: true })
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  results.forEach(judge)
  return results
}

function judge(result) {
  const { model, kind, flags, what, states, depth, errors, steps, output } = result
  const name = [model, ...flags, `(${what})`].join(' ')
  if (kind !== 'MUTATION') {
    const size = `${states} states, depth ${depth}`
    if (errors === 0) report.pass(`${name}: ${size}${kind === 'ALLOWED' ? ', allowed' : ''}`)
    else report.fail(name, errors < 0 ? output : steps.join('\n'))
  } else if (errors > 0 && steps.at(-1)?.startsWith('end: '))
    report.pass(`${name}: caught in ${steps.length} steps`)
  else report.fail(`${name}: not caught`, output)
}
