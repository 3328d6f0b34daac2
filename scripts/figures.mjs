// Writes the results of the benchmark to docs/benchmarks.md, docs/benchmarks.svg, and the README between its two markers.
// The other files of bench/results/ have scenarios that a further run measured, or some with another Node, for targets that need it:
//   npm run bench -- --only objects --node PATH --json bench/results/node-26.json
//
//   node scripts/figures.mjs [--check] [--results FILE] [--out FOLDER]
//
//   --results  default bench/results/latest.json; only of a complete run, because the figures of a quick one are not reliable
//   --out      writes benchmarks.md, benchmarks.svg and readme.md there instead, also for a quick run
//   --check    changes no file, and exits 1 if a file does not match the results
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { drawChart } from '../bench/support/chart.mjs'
import { CHARTED, figure, placeOf, wholeReport, wrapProse } from '../bench/support/documents.mjs'
import { readResults } from '../bench/support/results.mjs'

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

const folder = join(root, 'bench/results')
const results = read(file ?? join(folder, 'latest.json'))
const others = readdirSync(folder)
  .filter((name) => /^(node-\d+|services)\.json$/.test(name))
  .map((name) => read(join(folder, name)))

const charted = results.scenarios.filter(({ name }) => CHARTED.includes(name))
const written = [
  ['benchmarks.md', wrapProse(wholeReport(results, others))],
  ['benchmarks.svg', drawChart(charted, placeOf(results))],
]
if (out === undefined) {
  const documents = written.map(([name, content]) => [`docs/${name}`, content])
  finish([...documents, ['README.md', fill(readFileSync(join(root, 'README.md'), 'utf8'), figure(results))]])
} else {
  mkdirSync(out, { recursive: true })
  for (const [name, content] of [...written, ['readme.md', `${figure(results)}\n`]]) {
    writeFileSync(join(out, name), content)
  }
}

function read(path) {
  const found = readResults(path)
  if (found === undefined) fail(`${path}: the results are of an older form: npm run bench`)
  if (found.form !== 'whole' && out === undefined)
    fail(`${path}: the results are of a ${found.form} run: npm run bench`)
  return found
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
