// Writes the results of the benchmark to docs/benchmarks.md, docs/benchmarks.svg, and the README between its two markers.
// bench/results/ has a file for each machine and Node. The one with the most scenarios comes first, then the others:
// another machine is shown beside it, another Node in rows of its own.
//
//   node scripts/figures.mjs [--check] [--results FILE] [--out FOLDER]
//
//   --results  the run that comes first, without the others of bench/results; also a quick one with --out
//   --out      writes benchmarks.md, benchmarks.svg and readme.md there instead, also for a quick run
//   --check    changes no file, and exits 1 if a file does not match the results
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { drawChart } from '../bench/support/chart.mjs'
import { CHARTED, figure, placeOf, wholeReport, wrapProse } from '../bench/support/documents.mjs'
import { readRun, readRuns } from '../bench/support/runs.mjs'

const BEGIN = '<!-- figure:begin -->'
const END = '<!-- figure:end -->'

const root = fileURLToPath(new URL('..', import.meta.url))
const text = { type: 'string' }
const {
  check,
  results: file,
  out,
} = parseArgs({
  options: { check: { type: 'boolean', default: false }, results: text, out: text },
}).values

const [results, ...others] = file === undefined ? readRuns(join(root, 'bench/results')) : [readRun(file)]
if (results === undefined) fail('bench/results/ has no results: npm run bench')
if (results.form !== 'whole' && out === undefined)
  fail(`the results are of a ${results.form} run: npm run bench`)

const charted = results.scenarios.filter(({ name }) => CHARTED.includes(name))
const written = [
  ['benchmarks.md', wrapProse(wholeReport(results, others))],
  ['benchmarks.svg', drawChart(charted, placeOf(results))],
]
if (out === undefined) {
  const documents = written.map(([name, content]) => [`docs/${name}`, content])
  finish([
    ...documents,
    ['README.md', fill(readFileSync(join(root, 'README.md'), 'utf8'), figure(results, others))],
  ])
} else {
  mkdirSync(out, { recursive: true })
  for (const [name, content] of [...written, ['readme.md', `${figure(results, others)}\n`]]) {
    writeFileSync(join(out, name), content)
  }
}

function finish(contents) {
  for (const [name, content] of contents) {
    const path = join(root, name)
    if (!check) writeFileSync(path, content)
    else if (!existsSync(path) || readFileSync(path, 'utf8') !== content) {
      console.error(`${name}: the figures are not those of the results; run: node scripts/figures.mjs`)
      process.exitCode = 1
    }
  }
}

function fill(readme, words) {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} and ${END}`)
  return `${readme.slice(0, begin + BEGIN.length)}\n${words}\n${readme.slice(end)}`
}

function fail(why) {
  console.error(why)
  process.exit(1)
}
