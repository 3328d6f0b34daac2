import { tableCells } from './report.mjs'
import { digits, showHeadline } from './units.mjs'
import { showBound, showFound } from './verdicts.mjs'

/** What a reader of the README wants to compare at one glance. */
const OVERVIEW = [
  ['round-trip', 'round trip'],
  ['round-trip-asleep', 'both asleep'],
  ['one-way/64B', '64 B one way'],
  ['one-way/1KiB', '1 KiB'],
  ['one-way/1MiB', '1 MiB'],
  ['objects', 'objects'],
]
export const CHARTED = ['round-trip', 'round-trip-asleep', 'one-way/64B', 'one-way/1MiB', 'objects']

export function placeOf({ machine, date, commit }) {
  const { cpu, cores, kernel, architecture, node } = machine
  return `${cpu}, ${cores} cores, ${kernel} ${architecture}, Node ${node}; ${date.slice(0, 10)}, commit ${commit}`
}

/** For the README: all competitors over the main questions, and the targets. */
export function overview(results) {
  const tables = OVERVIEW.map(([name, label]) => ({
    label,
    table: results.scenarios.find((one) => one.name === name),
  }))
  const present = tables.filter(({ table }) => table !== undefined)
  const titles = new Map(
    present.flatMap(({ table }) => table.competitors.map(({ name, title }) => [name, titleOf(title)])),
  )
  const sorted = [...titles].toSorted(([a], [b]) => placeIn(a) - placeIn(b))
  const rows = sorted.map(([name, title]) => [title, ...present.map(({ table }) => cellOf(table, name))])
  const filled = rows.filter((row) => row.slice(1).some((cell) => /\d/.test(cell)))
  return [
    markdownTable(['', ...present.map(({ label }) => label)], filled),
    'A dash: not measured, for a reason that [docs/benchmarks.md](docs/benchmarks.md) gives. `~`: noisy.',
    targetsTable(results.verdicts),
    `Measured on ${placeOf(results)}.`,
  ].join('\n\n')
}

/** docs/benchmarks.md. */
export function wholeReport(results) {
  return `${[
    '# Benchmarks',
    'Written by `node scripts/figures.mjs` from [bench/results](../bench/results), which `npm run bench` writes. Do not edit.',
    `Measured on ${placeOf(results)}. Load of the machine before: ${results.machine.loadAverage}.`,
    'Two processes for each row, fresh ones for each repetition; the competitors take turns. All figures are medians of the ' +
      'repetitions. The ratio is against "net, a write per message": `node:net` on a Unix socket as its documentation uses ' +
      'it, each message behind its length; above 1 is better. Every message is counted and checked. "CPU s/M": seconds of ' +
      'CPU time of both processes for a million messages. "noisy": the middle half of the repetitions lies further apart ' +
      'than a quarter of the median. On one core: the scheduler had put both processes there.',
    '![The main figures](benchmarks.svg)',
    '## Targets',
    targetsTable(results.verdicts),
    '## Where shmwire loses',
    losses(results.scenarios),
    ...results.scenarios.map(section),
  ].join('\n\n')}\n`
}

function section(table) {
  const { head, rows, remarks } = tableCells(table)
  const parts = [`## ${table.title}`, table.question]
  if (rows.length > 0) parts.push(markdownTable(head, rows))
  if (table.latency !== undefined && rows.length > 0) parts.push(`Latency: ${table.latency}.`)
  if (remarks.length > 0) {
    parts.push(`Not in the table:\n\n${remarks.map(([title, why]) => `- ${title}: ${why}`).join('\n')}`)
  }
  return parts.join('\n\n')
}

/** Every question in which a competitor, or our own fallback, is better than the best row of shared memory. */
function losses(tables) {
  const lines = tables.flatMap(({ title, headline, competitors }) => {
    const isMore = headline.unit === 'per second'
    const sorted = competitors
      .filter((one) => one.headline !== undefined && one.transport !== 'native')
      .toSorted((a, b) => (isMore ? b.headline - a.headline : a.headline - b.headline))
    const at = sorted.findIndex(({ name }) => name.startsWith('shmwire') && name !== 'shmwire-socket')
    if (at <= 0) return []
    const better = sorted.slice(0, at).map((one) => `${one.title} ${showHeadline(headline, one.headline)}`)
    return `- ${title}: ${headline.name} ${showHeadline(headline, sorted[at].headline)} with ${sorted[at].title}; better: ${better.join(', ')}.`
  })
  return lines.length > 0 ? lines.join('\n') : 'In none of the questions below.'
}

function targetsTable(verdicts) {
  const rows = verdicts.map((verdict) => [
    verdict.what,
    showFound(verdict),
    showBound(verdict, verdict.atLeast ?? verdict.atMost),
    showBound(verdict, verdict.aim),
    verdict.why === undefined ? verdict.verdict : `${verdict.verdict}: ${verdict.why}`,
  ])
  return markdownTable(['target', 'found', 'wanted', 'aim', ''], rows)
}

function cellOf({ headline, competitors }, name) {
  const one = competitors.find((competitor) => competitor.name === name)
  if (one?.headline === undefined) return '–'
  const ratio = one.ratio === undefined || one.ratio === 1 ? '' : ` (${digits(one.ratio)} ×)`
  return `${showHeadline(headline, one.headline)}${ratio}${one.noisy ? ' ~' : ''}`
}

/** shmwire, then the others, then the bounds. */
function placeIn(name) {
  if (name.startsWith('shmwire')) return 0
  return name.startsWith('native') ? 2 : 1
}

/** In one row for all questions, the form of its values has no place. */
function titleOf(title) {
  return title.replace(/, JSON text$/, '')
}

function markdownTable(head, rows) {
  const marks = head.map((_, index) => (index === 0 || head[index] === '' ? '---' : '---:'))
  return [head, marks, ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n')
}

function escapeCell(text) {
  return text.replaceAll('|', '\\|')
}
