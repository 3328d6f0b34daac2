// Writes the figures of the README from what the benchmark has found: between the two markers, nothing else.
//
//   node scripts/readme-figures.mjs [--check]
//
// Takes every bench/results/*.json of a whole run, in the order of the file names; not the quick ones, which nobody should quote.
// --check changes nothing and exits 1 if the README says something else than the results.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { showHeadline, showNanos } from '../bench/support/units.mjs'

const BEGIN = '<!-- figures:begin -->'
const END = '<!-- figures:end -->'
const FORMAT = 1

const root = fileURLToPath(new URL('..', import.meta.url))
const file = join(root, 'README.md')
const readme = readFileSync(file, 'utf8')
const written = fill(readme, readResults().map(section).join('\n\n'))

if (process.argv.includes('--check')) {
  if (written !== readme) {
    console.error(
      'README.md: the figures are not those of bench/results; run: node scripts/readme-figures.mjs',
    )
    process.exitCode = 1
  }
} else {
  writeFileSync(file, written)
}

function readResults() {
  const folder = join(root, 'bench/results')
  const results = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => ({ name, ...JSON.parse(readFileSync(join(folder, name), 'utf8')) }))
    .filter(({ quick, format }) => quick === false && format === FORMAT)
    .filter(({ name }) => name !== 'partial.json')
  if (results.length > 0) return results
  console.error('bench/results holds no whole run: npm run bench')
  process.exit(1)
}

function fill(text, figures) {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} and ${END}`)
  return `${text.slice(0, begin + BEGIN.length)}\n${figures}\n${text.slice(end)}`
}

function section({ machine, date, commit, scenarios }) {
  const { cpu, cores, kernel, architecture, node } = machine
  const place = `${cpu}, ${cores} cores, ${kernel} ${architecture}, Node ${node}; ${date.slice(0, 10)}, commit ${commit}`
  return [...scenarios.map(table), `Measured on ${place}.`].join('\n\n')
}

function table({ title, headline, competitors, verdict, target }) {
  const isLatency = headline.unit === 'nanoseconds'
  const head = isLatency
    ? [title, 'p50', 'p99', 'p99.9', 'ratio', 'CPU s per million']
    : [title, 'messages', 'ratio', 'CPU s per million']
  const rows = competitors.map((competitor) => rowOf(competitor, headline, head.length))
  const lines = [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
  const drawn = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  return verdict === undefined ? drawn : `${drawn}\n\n${goalOf(verdict, target)}`
}

function rowOf({ title, error, median, ratio, noisy, headline: value }, headline, columns) {
  if (error !== undefined) return [title, 'not measured', ...Array(columns - 2).fill('')]
  const { latencyNanos, cpuSecondsPerMillion } = median
  const figures =
    headline.unit === 'nanoseconds'
      ? [latencyNanos.p50, latencyNanos.p99, latencyNanos.p999].map(showNanos)
      : [showHeadline(headline, value)]
  if (noisy) figures[0] += ' (noisy)'
  return [title, ...figures, ratio?.toFixed(1) ?? '', cpuSecondsPerMillion.both.toFixed(2)]
}

/** Also when it is missed: a goal that is told only when reached is no goal. */
function goalOf({ ratio, reached, comparison }, { ratioMin }) {
  const found = ratio === undefined ? 'Not measured' : `${ratio.toFixed(1)} ${comparison}`
  return `${found}; the goal of this version, at least ${ratioMin} times, is ${reached ? 'reached' : 'not reached'}.`
}
