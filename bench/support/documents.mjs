import { LOAD_IDLE } from './machine.mjs'
import { tableCells } from './report.mjs'
import { digits, showHeadline } from './units.mjs'
import { showBound, showFound, showVerdict } from './verdicts.mjs'

/** The questions that a reader compares first. */
const OVERVIEW = [
  ['round-trip', 'round trip'],
  ['round-trip-asleep', 'both asleep'],
  ['one-way/64B', '64 B one way'],
  ['one-way/1KiB', '1 KiB'],
  ['one-way/1MiB', '1 MiB'],
  ['objects', 'objects'],
]
/** The reference of all ratios. */
const SOCKET = 'unix-socket-plain'

const COLUMNS_MAX = 100

export const CHARTED = ['round-trip', 'round-trip-asleep', 'one-way/64B', 'one-way/1MiB', 'objects']

export function placeOf({ machine, date, commit }) {
  const { cpu, cores, kernel, architecture, node } = machine
  return `${cpu}, ${cores} cores, ${kernel} ${architecture}, Node ${node}; ${date.slice(0, 10)}, commit ${commit}`
}

/** For the README: one figure with its condition, and the condition under which it is much smaller. */
export function figure(results) {
  const medianOf = (scenario, competitor) => {
    const table = results.scenarios.find(({ name }) => name === scenario)
    const found = table?.competitors.find(({ name }) => name === competitor)?.headline
    return found === undefined ? 'not measured' : showHeadline(table.headline, found)
  }
  const pair = (scenario, ours) => `${medianOf(scenario, ours)} against ${medianOf(scenario, SOCKET)}`
  return [
    `A 64-byte round trip between the event loops of two processes takes ${pair('round-trip', 'shmwire')}`,
    `over a Unix socket with \`node:net\`. Each process has its own core. On one shared core, the round`,
    `trip takes ${pair('round-trip-pinned', 'shmwire')}. When both processes sleep before each message, it takes`,
    `${pair('round-trip-asleep', 'shmwire-sleep')} ([medians; all figures](docs/benchmarks.md)).`,
  ].join('\n')
}

/** All competitors over the main questions. */
function overview(results) {
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
    'A dash: not measured; the section of the question gives the reason. `~`: noisy.',
  ].join('\n\n')
}

/**
 * docs/benchmarks.md.
 * @param {object[]} others runs of other scenarios, or of some with another Node
 */
export function wholeReport(results, others) {
  return `${[
    '# Benchmarks',
    'Written by `node scripts/figures.mjs` from `bench/results/`, which `npm run bench` writes. Do not edit.',
    '[performance.md](performance.md) explains the figures.',
    `Measured on ${placeOf(results)}. ${loadOf(results)}${others.map((other) => measuredElsewhere(results, other)).join('')}`,
    'Each row uses two processes, and each repetition starts new ones. The competitors take turns. All figures are medians of ' +
      `${repetitionsOf([results, ...others])}. The ratio compares with "net, a write per message": \`node:net\` on a Unix socket as ` +
      'its documentation shows it, with a length before each message, unless the section names another row. Above 1 is better. "CPU s/M": seconds of CPU time of ' +
      'both processes for a million messages. "noisy": the middle half of the repetitions spans more than a quarter of ' +
      'the median. "on one core": the scheduler had both processes on one core at the end of a repetition.',
    'Every measured message is counted, and its length and its number, at both of its ends, are checked. The fan-out ' +
      'checks only the number at the head, and the objects are checked in all fields. Before each measurement, messages of random ' +
      'bytes are sent, and every byte is checked. The rows in C++ check counts and numbers.',
    '"read in place": sent with plain calls; the listener reads messages in the ring (`views`). "zero copy": also created ' +
      'in the ring (`claim`). Both have a ring of at least sixteen messages. The sender writes only a number and a time into a measured message, ' +
      'and the receiver reads only these, with every competitor. So the row "zero copy" shows the cost of a transfer; ' +
      'most of its bytes per second were never written or read.',
    '![The main figures](benchmarks.svg)',
    '## Overview',
    overview(results),
    '## Targets',
    targetsTable(allVerdicts(results, others)),
    '## Where shmwire loses',
    losses(
      [results, ...others.filter((other) => otherNode(results, other) === '')].flatMap(
        ({ scenarios }) => scenarios,
      ),
    ),
    ...results.scenarios.map((table) => section(table, table.title)),
    ...others.flatMap((other) =>
      other.scenarios.map((table) => section(table, `${table.title}${otherNode(results, other)}`)),
    ),
  ].join('\n\n')}\n`
}

/** Wraps the prose of a document. Tables, headings and images stay as they are. */
export function wrapProse(text) {
  return text.split('\n').map(wrapLine).join('\n')
}

function wrapLine(line) {
  if (/^[|#!]/.test(line)) return line
  const separator = line.startsWith('- ') ? '\n  ' : '\n'
  const lines = []
  for (const word of line.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= COLUMNS_MAX - separator.length + 1)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join(separator)
}

function section(table, title) {
  const { head, rows, remarks } = tableCells(table)
  const parts = [`## ${title}`, table.question]
  if (rows.length > 0) parts.push(markdownTable(head, rows))
  if (table.latency !== undefined && rows.length > 0) parts.push(`Latency: ${table.latency}.`)
  if (remarks.length > 0) {
    parts.push(`Not in the table:\n\n${remarks.map(([who, why]) => `- ${who}: ${why}`).join('\n')}`)
  }
  return parts.join('\n\n')
}

/** Every question in which a competitor, or our own fallback, is better than shared memory with default options. */
function losses(tables) {
  const lines = tables.flatMap(({ title, headline, competitors }) => {
    const isMore = headline.unit === 'per second'
    const sorted = competitors
      .filter((one) => one.headline !== undefined && one.transport !== 'native')
      .toSorted((a, b) => (isMore ? b.headline - a.headline : a.headline - b.headline))
    const isVariant = ({ name }) => name.startsWith('shmwire-') && name !== 'shmwire-socket'
    const isDefault = ({ name }) => name === 'shmwire' || name === 'shmwire-service'
    const ours = sorted.find(isDefault) ?? sorted.find(isVariant)
    const better = sorted.slice(0, sorted.indexOf(ours)).filter((one) => !isVariant(one))
    if (ours === undefined || better.length === 0) return []
    const list = (rows) =>
      rows.map((one) => `${one.title} ${showHeadline(headline, one.headline)}`).join(', ')
    const variants = sorted.filter((one) => one !== ours && isVariant(one))
    const others = variants.length > 0 ? `; also measured: ${list(variants)}` : ''
    return `- ${title}: ${headline.name} ${showHeadline(headline, ours.headline)} with ${ours.title}; better: ${list(better)}${others}.`
  })
  return lines.length > 0 ? lines.join('\n') : 'In none of the scenarios below.'
}

/** All verdicts, also those of the scenarios of other runs, and of targets that apply only to another Node. */
function allVerdicts(results, others) {
  const known = new Set(results.verdicts.map(({ what }) => what))
  const further = others.flatMap((other) =>
    other.verdicts
      .filter(
        ({ what, nodeMin }) =>
          !known.has(what) && (nodeMin !== undefined || otherNode(results, other) === ''),
      )
      .map((verdict) => ({ ...verdict, what: `${verdict.what}${otherNode(results, other)}` })),
  )
  return [...results.verdicts, ...further]
}

function measuredElsewhere(results, other) {
  const { machine, date, commit, scenarios } = other
  if (otherNode(results, other) !== '')
    return ` Rows that name Node ${machine.node}: ${date.slice(0, 10)}, commit ${commit}.`
  return ` "${scenarios[0].title}" and the sections after it: ${placeOf(other)}. ${loadOf(other)}`
}

/** The suffix of the titles of a run with another Node. */
function otherNode(results, { machine }) {
  return machine.node === results.machine.node ? '' : `, Node ${machine.node}`
}

function loadOf({ machine: { loadAverage } }) {
  const remark = loadAverage < LOAD_IDLE ? '' : ': it was not idle'
  return `Load of the machine before: ${loadAverage}${remark}.`
}

/** "3 repetitions", or "3 to 5 repetitions". */
function repetitionsOf(runs) {
  const counts = runs
    .flatMap(({ scenarios }) => scenarios)
    .flatMap(({ competitors }) => competitors)
    .flatMap(({ repetitions }) => (repetitions === undefined ? [] : [repetitions.length]))
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? `${most} repetitions` : `${least} to ${most} repetitions`
}

function targetsTable(verdicts) {
  const rows = verdicts.map((verdict) => [
    verdict.what,
    showFound(verdict),
    showBound(verdict, verdict.atLeast ?? verdict.atMost),
    showBound(verdict, verdict.aim),
    showVerdict(verdict),
  ])
  return markdownTable(['target', 'measured', 'expected', 'aim', ''], rows)
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

/** One row for all questions has no room for the format of the values. */
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
