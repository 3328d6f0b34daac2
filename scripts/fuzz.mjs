// Runs the fuzz targets of docs/fuzzing.md. Ends with `N passed, N failed`.
//   npm run fuzz                                all targets, a minute each
//   npm run fuzz -- --seconds 600 --only codec  one target (or several, with commas), ten minutes
//   npm run fuzz -- --runs 10000000             so many executions of each
//   npm run fuzz -- --update-corpus             adds inputs that reach more code to native/fuzz/corpus/
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { buildNative, missingForNative } from './fuzz/native.mjs'
import { allTargets, fuzzAll } from './fuzz/targets.mjs'
import { runNode } from './stages/command.mjs'
import { Report } from './stages/report.mjs'

const SECONDS_USUAL = 60

const { budget, targets, updateCorpus } = readArguments()
const report = new Report()
if (await isBuilt()) {
  await fuzzAll(report, targets, { budget, updateCorpus, workers: Math.min(2, availableParallelism()) })
}
report.close()
process.exitCode = report.failed > 0 ? 1 : 0

async function isBuilt() {
  if (!report.check('build', await runNode('scripts/build.mjs', []))) return false
  if (!targets.some((target) => target.isNative)) return true
  const missing = await missingForNative()
  if (missing.length > 0) {
    report.fail('build of the native targets', `apt-get install ${missing.join(' ')}`)
    return false
  }
  return report.check('build of the native targets', await buildNative())
}

function readArguments() {
  const all = allTargets()
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: 'string' },
        runs: { type: 'string' },
        only: { type: 'string' },
        'update-corpus': { type: 'boolean', default: false },
      },
    })
    const { seconds, runs, only } = values
    if (seconds !== undefined && runs !== undefined) throw new Error('--seconds or --runs, not both')
    const names = only?.split(',') ?? all.map(({ name }) => name)
    const chosen = names.map((name) => all.find((target) => target.name === name) ?? unknown(name, all))
    const bound =
      runs === undefined
        ? { seconds: positive('--seconds', seconds ?? SECONDS_USUAL) }
        : { runs: positive('--runs', runs) }
    return { budget: bound, targets: chosen, updateCorpus: values['update-corpus'] }
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

function unknown(name, all) {
  throw new Error(`there is no target ${name}; there are: ${all.map((target) => target.name).join(', ')}`)
}

function positive(option, text) {
  const number = Number(text)
  if (!Number.isInteger(number) || number <= 0)
    throw new Error(`${option} is ${text}; it must be a whole number above 0`)
  return number
}
